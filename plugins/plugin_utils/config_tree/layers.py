# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Merges the layers of a server's or agent's configuration into one tree.

A list replaces the list of a lower layer. A layer that names another plugin of a singleton type replaces the plugin (an
agent has exactly one NodeAttestor). ``null`` removes a value; a ``null`` that removes nothing is an error, because
``unix:`` in YAML is null.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import describe
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.blocks import plugin_is_enabled
from ansible_collections.spire.fleet.plugins.plugin_utils.hcl.types import ENCRYPTED

SINGLETONS: dict[str, frozenset[str]] = {
    "server": frozenset({"KeyManager", "DataStore", "UpstreamAuthority", "UpstreamCA"}),
    "agent": frozenset({"KeyManager", "NodeAttestor"}),
}
BUILT_IN = "built-in defaults"


@dataclass
class Layer:
    name: str
    tree: Any


def child(path: str, key: object) -> str:
    """Returns the dotted path of a key below a path. A key that contains a dot, such as a trust domain, is quoted."""
    text = str(key)
    if "." in text:
        text = f'"{text}"'
    return f"{path}.{text}" if path else text


class Origin:
    """Remembers which layer set the value at a path, and which layer removed one."""

    def __init__(self) -> None:
        self._set: dict[str, str] = {}
        self.removed: dict[str, str] = {}
        self._taken: dict[str, tuple[str, str]] = {}

    def __call__(self, path: str) -> str:
        """Returns the layer that set ``path``, or else the nearest block around it; empty where none did."""
        while path and path not in self._set:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self._set.get(path, "")

    def note(self, path: str, layer: str) -> None:
        """Notes that the layer sets the path."""
        self._set[path] = layer
        self.removed.pop(path, None)
        self._taken.pop(path, None)

    def forget(self, path: str) -> list[str]:
        """Forgets who set the path and the paths below it; returns them."""
        prefixes = (path + ".", path + "[")
        forgotten = [p for p in self._set if p == path or p.startswith(prefixes)]
        for known in forgotten:
            del self._set[known]
        return forgotten

    def remove(self, path: str, layer: str) -> None:
        """Notes that the layer sets the path to null."""
        self._taken.update(dict.fromkeys(self.forget(path), (path, layer)))
        self.removed[path] = layer

    def taken(self, path: str) -> tuple[str, str] | None:
        """Returns the path that a layer set to null and the layer, where that removed the value at ``path`` and no layer set it again."""
        return self._taken.get(path)


@dataclass
class Merged:
    tree: dict[str, Any]
    origin: Origin
    problems: list[Problem] = field(default_factory=list)


def layers(component: str, variables: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[Layer]:
    """Returns the layers of a host: built-in defaults, spire_<component>_config, then each spire_<component>_config__<x> by name."""
    base = f"spire_{component}_config"
    names = [base] if base in variables else []
    names += sorted(str(name) for name in variables if str(name).startswith(base + "__"))
    return [Layer(BUILT_IN, defaults)] + [Layer(name, variables[name]) for name in names]


def merge(component: str, stack: Iterable[Layer]) -> Merged:
    """Merges the layers of one host. The inputs stay as they are; the result has dicts, lists and scalars of Python only."""
    result = Merged({}, Origin())
    for layer in stack:
        if not isinstance(layer.tree, Mapping):
            result.problems.append(_not_a_mapping(layer))
            continue
        _Merger(component, layer.name, result).into(result.tree, layer.tree, "")
    return result


def plain(value: Any) -> Any:
    """Returns a copy in Python's own types, in place of Ansible's tagged strings, lazy mappings and the like."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if type(value).__name__ in ENCRYPTED:
        return str.__str__(str(value))
    if isinstance(value, Mapping):
        return {plain(key): plain(value[key]) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        return [plain(item) for item in value]
    return value


@dataclass
class _Merger:
    component: str
    layer: str
    result: Merged

    def into(self, below: dict[str, Any], above: Mapping[Any, Any], path: str) -> None:
        if path == "plugins":
            for kind in SINGLETONS[self.component] & {str(key) for key in above}:
                self._replace_singleton(below, kind, above[kind])
        for key in above:
            here = child(path, key)
            if not isinstance(key, str):
                self._problem("key", here, f"The key {key} is {describe(key)}; a key must be a string: quote it.")
                continue
            name = str.__str__(key)
            value = above[key]
            if value is None:
                self._remove(below, name, here)
            elif isinstance(value, Mapping):
                if not isinstance(below.get(name), dict):
                    below[name] = {}
                self.result.origin.note(here, self.layer)
                self.into(below[name], value, here)
            else:
                below[name] = self._leaf(plain(value), here)
                self.result.origin.note(here, self.layer)

    def _replace_singleton(self, below: dict[str, Any], kind: str, above: Any) -> None:
        if not isinstance(above, Mapping) or not isinstance(below.get(kind), dict):
            return
        named = {str(name) for name in above if above[name] is not None}
        if any(plugin_is_enabled(above[name]) for name in above if above[name] is not None):
            for other in [name for name in below[kind] if name not in named and above.get(name, ...) is not None]:
                del below[kind][other]
                self.result.origin.forget(child(f"plugins.{kind}", other))

    def _remove(self, below: dict[str, Any], name: str, here: str) -> None:
        if name in below:
            del below[name]
            self.result.origin.remove(here, self.layer)
            return
        self._problem(
            "null",
            here,
            "null removes what a lower layer set, and no lower layer sets this; to switch it on without options write"
            f" `{name}: {{}}`.",
        )

    def _leaf(self, value: Any, here: str) -> Any:
        if not isinstance(value, list):
            return value
        return [
            self._item(item, f"{here}[{index}]")
            for index, item in enumerate(value)
            if not self._null(item, f"{here}[{index}]")
        ]

    def _item(self, value: Any, here: str) -> Any:
        # lists are not merged, so a null in one can't remove anything
        if isinstance(value, dict):
            return {k: self._item(v, child(here, k)) for k, v in value.items() if not self._null(v, child(here, k))}
        return self._leaf(value, here)

    def _null(self, value: Any, here: str) -> bool:
        if value is None:
            self._problem(
                "null", here, "null inside a list removes nothing, because lists are replaced whole; leave it out."
            )
        return value is None

    def _problem(self, code: str, path: str, message: str) -> None:
        self.result.problems.append(Problem(code, path, message, self.layer))


def _not_a_mapping(layer: Layer) -> Problem:
    hint = "write `{}` for an empty one" if layer.tree is None else "write SPIRE's blocks as a mapping"
    return Problem(
        "layer", layer.name, f"A layer must be a mapping, and this is {describe(layer.tree)}; {hint}.", layer.name
    )
