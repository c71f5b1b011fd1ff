# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rule about texts that look like a variable of the environment."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.blocks import plugin_is_enabled
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import child
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule

#: as people write them; a pattern or a policy may have other names in braces
_VARIABLE = re.compile(r"\$\{([A-Z_][A-Z0-9_]*)\}", re.ASCII)


@rule(
    "tree", "server", "agent", severity="warning",
    source=(
        "pkg/common/config/config.go (ExpandEnv) and cmd/spire-server/cli/run/run.go (ParseFile), v1.15.3; "
        "pkg/common/config/config.go (ExpandEnv) and cmd/spire-agent/cli/run/run.go (ParseFile), v1.15.3"
    ),
)
def unexpanded_variable(context: RuleContext) -> Findings:
    """No text has ${NAME}, in capitals, in it: SPIRE runs without -expandEnv and takes it literally."""
    environment = f"spire_{context.component}_environment"
    for path, text in _texts(context.tree, ""):
        # the rest of the text may be a secret
        names = dict.fromkeys(_VARIABLE.findall(text))
        for name in names:
            yield Finding(path, (
                f"SPIRE gets ${{{name}}} literally: it runs without -expandEnv, whatever {environment} holds. Write a template of "
                f"Ansible's in its place, such as {{{{ {name.strip('_').lower() or 'name'} }}}}, with the value in a variable."
            ))


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yields every text with its path, without those of disabled plugins and of the data of external plugins."""
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
