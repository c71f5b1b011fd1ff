# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes meta/argument_specs.yml of the roles from plugins/plugin_utils/inventory/variables.yml, for ansible-doc, Galaxy and editors.

The playbooks run the roles with `rolespec_validate: false`: preflight has checked the variables, and the validation is a task for each host.

    python -m tools.docs.role_argument_specs
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tests.support import collection

if TYPE_CHECKING:
    from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.variables import Variable

ROLES = collection.REPO / "roles"
#: the scopes of the variables that a role of an operator reads
SCOPES = {"spire_server": ("fleet", "server", "entries"), "spire_agent": ("fleet", "agent")}
CONTEXT = "Run it by the playbook C(spire.fleet.site), which checks the whole fleet before it touches a host."
INTERNAL = "The playbooks of this collection run it. Its interface may change in any release."
DESCRIPTIONS = {
    "spire_server": [CONTEXT],
    "spire_agent": [CONTEXT],
    "spire_component": ["The tasks that servers and agents share.", INTERNAL],
    "spire_pki": ["Files of certificates and keys on the hosts.", INTERNAL],
    "spire_rotation": ["The steps of a rotation.", INTERNAL],
}
TYPES = {
    "string": "str", "integer": "int", "boolean": "bool", "mapping": "dict", "list": "list", "string or mapping": "raw",
}
HEADER = "# Made by `make docs` from plugins/plugin_utils/inventory/variables.yml. Changes made here are lost.\n---\n"


class _Dumper(yaml.SafeDumper):
    """Writes lists as ansible-lint wants them."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def specification(role: str) -> str:
    """Returns the text of a role's meta/argument_specs.yml."""
    collection.make_importable()
    from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.variables import catalogue

    scopes = SCOPES.get(role, ())
    meta = yaml.safe_load((ROLES / role / "meta" / "main.yml").read_text(encoding="utf-8"))
    main: dict[str, Any] = {
        "short_description": meta["galaxy_info"]["description"].rstrip("."),
        "description": DESCRIPTIONS[role],
        "options": {variable.name: option(variable) for variable in catalogue().values() if variable.scope in scopes},
    }
    return HEADER + yaml.dump({"argument_specs": {"main": main}}, Dumper=_Dumper, sort_keys=False, width=140, allow_unicode=True)


def option(variable: Variable) -> dict[str, Any]:
    """Returns a variable as an option of a role."""
    found: dict[str, Any] = {"type": TYPES[variable.type], "description": [" ".join(variable.description.split())]}
    if variable.choices:
        found["choices"] = list(variable.choices)
    if variable.default not in (None, ""):
        found["default"] = variable.default
    if variable.secret:
        found["no_log"] = True
    return found


def main(roles: Path = ROLES) -> None:
    """Writes the files."""
    for role in DESCRIPTIONS:
        (roles / role / "meta" / "argument_specs.yml").write_text(specification(role), encoding="utf-8")


if __name__ == "__main__":
    main()
