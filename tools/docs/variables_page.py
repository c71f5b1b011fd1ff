# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes docs/variables.md from plugins/plugin_utils/inventory/variables.yml.

    python -m tools.docs.variables_page
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support import collection

if TYPE_CHECKING:
    from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.variables import Variable

PAGE = collection.REPO / "docs" / "variables.md"
INTRODUCTION = """\
<!-- Made by `make docs` from plugins/plugin_utils/inventory/variables.yml. Changes made here are lost. -->
# Variables

These are all variables that an inventory may set. Options of SPIRE's own configuration file have no variables of their
own: they are set in `spire_server_config` and `spire_agent_config`, see [tree.md](tree.md).

- Set them wherever Ansible reads variables of hosts: `group_vars` and `host_vars` beside the inventory, the inventory, extra variables,
  facts. They are read for every host of the inventory, also for those that `--limit` leaves out. Values may be templates; the playbooks
  gather no facts, so a template that needs one is an error with the path of the value. A value that is `omit` is not set.
- The `vars` of a play, a role or a task are refused, because the plans of other hosts do not have them. Those below "Single playbooks" may
  stand there.
- They have no role defaults. The defaults below are in the collection itself and apply everywhere.
- A value of the wrong type, a value that is not one of the choices, and a name that is nearly one of these are errors
  that stop a run before any host is touched. Strings such as `"yes"` and `"90"` count as booleans and numbers, and `"[one, two]"` as a
  list, because surveys and `-e name=value` make strings. An empty string means the default, except where any string is allowed. Other names
  that begin with `spire_` are allowed and not checked.
- A secret appears in no output. Encrypt it with Ansible Vault, or look it up in your own store of secrets. A run needs the passwords for the
  hosts that it is limited to; for other hosts, a secret that can't be decrypted is a warning.
"""
SCOPES = {
    "fleet": ("Servers and agents", "Set them for `all`, unless hosts differ."),
    "server": ("Servers", "Set them for `spire_servers`."),
    "agent": ("Agents", "Set them for `spire_agents`."),
    "entries": ("Entries", "Set them for `spire_servers`; see [entries.md](entries.md)."),
    "playbook": ("Single playbooks", "Give them with `-e` to the playbook that the description names."),
}


def page() -> str:
    """Returns the whole page."""
    collection.make_importable()
    from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.variables import catalogue

    parts = [INTRODUCTION]
    for scope, (title, where) in SCOPES.items():
        parts.append(f"## {title}\n\n{where}\n")
        parts += [entry(variable) for variable in catalogue().values() if variable.scope == scope]
    return "\n".join(parts)


def entry(variable: Variable) -> str:
    """Returns the text about one variable."""
    facts = [variable.type]
    if variable.choices:
        facts = ["one of " + ", ".join(f"`{choice}`" for choice in variable.choices)]
    if variable.default not in (None, ""):
        facts.append(f"default `{literal(variable.default)}`")
    if variable.secret:
        facts.append("secret")
    text = re.sub(r"\b[CV]\(([^)]*)\)", r"`\1`", " ".join(variable.description.split()))
    return f"### `{variable.name}`\n\n*{'; '.join(facts)}*\n\n{text}\n"


def literal(value: Any) -> str:
    """Returns a default as an inventory would contain it."""
    return value if isinstance(value, str) else json.dumps(value)


def main(target: Path = PAGE) -> None:
    """Writes the page."""
    target.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
