# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rule about strings that look like a reference to an environment variable."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.blocks import plugin_is_enabled
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import child
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule

#: as people write them; a pattern or a policy may have other names in braces
_VARIABLE = re.compile(r"\$\{([A-Z_][A-Z0-9_]*)\}", re.ASCII)


def names_a_variable(text: str) -> bool:
    """Whether a text contains ${NAME} in upper case, which SPIRE replaces where it runs with -expandEnv."""
    return _VARIABLE.search(text) is not None


@rule(
    "tree", "server", "agent", severity="warning",
    source=(
        "pkg/common/config/config.go (ExpandEnv) and cmd/spire-server/cli/run/run.go (ParseFile), v1.15.3; "
        "pkg/common/config/config.go (ExpandEnv) and cmd/spire-agent/cli/run/run.go (ParseFile), v1.15.3"
    ),
)
def unexpanded_variable(context: RuleContext) -> Findings:
    """No string contains ${NAME} in upper case: SPIRE runs without -expandEnv and takes it literally."""
    environment = f"spire_{context.component}_environment"
    for path, text in _texts(context.tree, ""):
        # the rest of the text may be a secret
        names = dict.fromkeys(_VARIABLE.findall(text))
        for name in names:
            yield Finding(path, (
                f"SPIRE takes ${{{name}}} literally because it runs without -expandEnv, even if {environment} sets this variable. Put the value "
                f"into a variable of Ansible, and write its template instead, such as {{{{ {name.strip('_').lower() or 'name'} }}}}."
            ))


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yields every string with its path, except those of disabled plugins and of the plugin_data of external plugins."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, f"{path}[{index}]")
    elif isinstance(value, dict):
        plugin = path.startswith("plugins.") and path.count(".") == 2
        if plugin and not plugin_is_enabled(value):
            return
        for name, item in value.items():
            if not (plugin and name == "plugin_data" and value.get("plugin_cmd")):
                yield from _texts(item, child(path, name))
