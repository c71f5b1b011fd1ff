# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the successor of an option, a plugin or a plugin type. If a release lacks the successor, the successor's own successor is used."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.model import Block, Option, block, plugin, plugin_types

_PLUGIN_DATA = re.compile(r"plugins\.(\w+)\.([\w-]+)\.plugin_data\b")
#: the form in which the data names a plugin of another type
_OTHER_PLUGIN = re.compile(r"the (\w+) ([\w-]+)")


def of_option(component: str, option: Option, around: Block, path: str, release: Version) -> str:
    """Returns the end of a sentence that names an option's successors; empty where this release has none. ``path`` is the option's path."""
    names: list[str] = []
    opposite = False
    for name, turned in _options(component, option.base, around, path, release):
        names.append(name)
        opposite = opposite or turned
    return _words(", ".join(dict.fromkeys(names)), opposite)


def of_plugin(component: str, kind: str, known: Block, release: Version) -> str:
    """Returns the end of a sentence that names a plugin's successor; empty where this release has none."""
    named = str(known.extra.get("replaced_by", ""))
    while named:
        other = _OTHER_PLUGIN.fullmatch(named)
        successor = plugin(component, *(other.groups() if other else (kind, named)))
        if successor is None:
            return ""
        if release in successor.span:
            return _words(named)
        # The data of the successor names its own successor without a type where both have the same type.
        kind = other[1] if other else kind
        following = str(successor.extra.get("replaced_by", ""))
        named = f"the {kind} {following}" if other and following and not following.startswith("the ") else following
    return ""


def of_type(component: str, kind: str, release: Version) -> str:
    """Returns the end of a sentence that names a plugin type's successor; empty where this release has none."""
    types = plugin_types(component)
    named = types[kind].replaced_by
    while named and release not in types[named].span:
        named = types[named].replaced_by
    return _words(named)


def _words(names: str, opposite: bool = False) -> str:
    meaning = ", which means the opposite: true becomes false" if opposite else ""
    return f"; use {names} instead{meaning}" if names else ""


def _options(
    component: str, data: Mapping[str, Any], around: Block, path: str, release: Version
) -> list[tuple[str, bool]]:
    """Returns the names of the successors, each with whether its meaning is the opposite."""
    found: list[tuple[str, bool]] = []
    for name in filter(None, str(data.get("replaced_by", "")).split(", ")):
        way = _way(component, name, around, path)
        turned = bool(data.get("inverted"))
        if way and all(release in option.span for _block, option in way):
            found.append((name, turned))
        elif way:
            # A name without a dot is the name of an option in the same block as this successor.
            beside = name[: name.rfind(".") + 1]
            inside, option = way[-1]
            for after, again in _options(component, option.base, inside, path, release):
                found.append((after if "." in after else beside + after, turned != again))
    return found


def _way(component: str, name: str, around: Block, path: str) -> list[tuple[Block, Option]]:
    """Returns the options on the path to a successor, each with its block.

    A name without a dot is of the same block. A path begins at the plugin's plugin_data or at the tree.
    """
    first, *rest = name.split(".")
    inside: Block | None = around
    if rest and first == "plugin_data":
        place = _PLUGIN_DATA.match(path)
        inside = plugin(component, place[1], place[2]) if place else None
        first, *rest = rest
    elif rest:
        inside = block(component)
    way = []
    for part in (first, *rest):
        option = inside.options.get(part) if inside else None
        if inside is None or option is None:
            return []
        way.append((inside, option))
        inside = option.block
    return way
