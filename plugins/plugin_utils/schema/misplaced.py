# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds where a name belongs that is not an option of the block in which it was written."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping

from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.model import Block, block, plugin, plugin_names, plugin_types

#: a name that is at home in more places than this is no hint
_MOST = 2
_PLUGIN = re.compile(r"plugins\.(\w+)\.([\w-]+)(?=\.)")
_OTHER = {"server": "agent", "agent": "server"}


def hint(component: str, name: str, path: str, release: Version) -> str:
    """Returns the end of a sentence that says where an option, a plugin or a plugin type of this name belongs; empty where that is not known.

    ``path`` is where the name was found.
    """
    match = _PLUGIN.match(path)
    inside = _of_plugin(component, match[1], match[2], release) if match else {}
    places = inside.get(name) or _of_file(component, release).get(name, ())
    if 0 < len(places) <= _MOST:
        return f"it belongs {' or '.join(map(_in, places))}."
    kind = "" if path.startswith("plugins.") else _type(component, name, release)
    if kind:
        return f"plugins of this type belong in plugins.{kind}."
    other = _OTHER.get(component)
    elsewhere = _of_plugin(other, match[1], match[2], release) if other and match else _of_file(other, release) if other else {}
    places = elsewhere.get(name, ())
    return f"it belongs to the {other}'s configuration, {' or '.join(map(_in, places))}." if 0 < len(places) <= _MOST else ""


def _type(component: str, name: str, release: Version) -> str:
    """Returns the type of plugins that has this name but for capitals and underscores; empty where there is none."""
    found = {kind.lower(): kind for kind, known in plugin_types(component).items() if release in known.span} if component in _OTHER else {}
    return found.get(name.replace("_", "").lower(), "")


def _in(place: str) -> str:
    return f"in {place}" if place else "at the top level of the file"


@functools.lru_cache(maxsize=None)
def _of_file(component: str, release: Version) -> Mapping[str, tuple[str, ...]]:
    """Returns the places of all names in a component's file, without the options of plugins."""
    found = list(_options(block(component), "", release))
    for kind, known in plugin_types(component).items() if component in _OTHER else ():
        if release not in known.span:
            continue
        found.append((kind, "plugins"))
        for name in plugin_names(component, kind):
            built_in = plugin(component, kind, name)
            if built_in and release in built_in.span:
                found.append((name, f"plugins.{kind}"))
    return _by_name(found)


@functools.lru_cache(maxsize=None)
def _of_plugin(component: str, kind: str, name: str, release: Version) -> Mapping[str, tuple[str, ...]]:
    """Returns the places of all names in the block of a built-in plugin."""
    known, path = plugin(component, kind, name), f"plugins.{kind}.{name}"
    found = [(option, path) for option in block("plugin").at(release).specs]
    return _by_name([*found, *(_options(known, f"{path}.plugin_data", release) if known else ())])


def _options(known: Block, path: str, release: Version) -> Iterator[tuple[str, str]]:
    """Yields each option in a block and in the blocks inside of it, with the path of its block."""
    for name, spec in known.at(release).specs.items():
        yield name, path
        inner = known.options[name].block
        if inner:
            here = f"{path}.{name}" if path else name
            yield from _options(inner, f"{here}.NAME" if spec.type == "map(block)" else here, release)


def _by_name(found: list[tuple[str, str]]) -> Mapping[str, tuple[str, ...]]:
    places: dict[str, tuple[str, ...]] = {}
    for name, path in sorted(found):
        places[name] = (*places.get(name, ()), path)
    return places
