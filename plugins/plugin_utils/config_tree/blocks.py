# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a configuration tree: the value at a path, whether an option is set, which plugins are enabled.

These functions are used before the schema has checked the tree, so the tree may contain any mistake. A value of an unexpected
type counts as missing here; the schema reports it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

#: the words that disable a plugin as the value of its ``enabled``, in lower case. YAML and older releases of ansible-core
#: write a boolean in these ways, and a tree may be read before its values have their types.
OFF = ("false", "no", "off")


def plugin_is_enabled(body: Any) -> bool:
    """Whether SPIRE loads the plugin that has this block. A plugin is enabled unless its ``enabled`` says otherwise."""
    enabled = body.get("enabled", True) if isinstance(body, Mapping) else True
    return str(enabled).lower() not in OFF


def is_set(value: Any) -> bool:
    """Whether a value counts as set. An empty block does: ``token_auth {}`` takes its token from the environment."""
    return value is not None and value is not False and value != "" and value != []


def get(tree: Any, *path: str) -> Any:
    """Returns the value at a path, or None where the tree has no such path."""
    found = tree
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def block(tree: Any, *path: str) -> Mapping[str, Any]:
    """Returns the block at a path; an empty one where the tree has none."""
    found = get(tree, *path)
    return found if isinstance(found, Mapping) else {}


def plugins(tree: Any, kind: str) -> dict[str, Mapping[str, Any]]:
    """Returns the blocks of the enabled plugins of one type (``NodeAttestor``), by the name of the plugin."""
    named = block(tree, "plugins", kind)
    return {name: body if isinstance(body, Mapping) else {} for name, body in named.items() if plugin_is_enabled(body)}


def all_plugins(tree: Any) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yields the type, the name and the block of each enabled plugin."""
    for kind in block(tree, "plugins"):
        for name, body in plugins(tree, kind).items():
            yield kind, name, body


def plugin_data(tree: Any, kind: str, name: str) -> Mapping[str, Any]:
    """Returns the options of an enabled plugin; an empty block where the plugin is not enabled or has no options."""
    return block(plugins(tree, kind).get(name), "plugin_data")
