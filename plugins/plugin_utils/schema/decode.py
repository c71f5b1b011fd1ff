# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings the tree of a file into the schema's shape, as SPIRE does when it reads the file.

SPIRE matches the names of options without regard to case, merges blocks that a file has several times or as a list, and takes a whole
number in quotes. Values that SPIRE would not convert stay as they are, so that the check reports them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import child, plain
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import values
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.external import Finder, finder
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.model import Block, Option, Spec, block

#: the programs whose files can be read
COMPONENTS = ("server", "agent", "oidc_discovery_provider")
#: the first release that takes a trust domain in the form of a SPIFFE ID
_TRUST_DOMAIN_AS_ID = Version(1, 0, 0)
#: the first release that refuses a boolean in quotes
_BARE_BOOLEANS = Version(1, 7, 0)
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
#: whole numbers of Go, with the digits of each base
_INTEGER = re.compile(r"([+-]?)(?:0[xX](?P<hex>[0-9a-fA-F]+)|0[bB](?P<binary>[01]+)|0[oO]?(?P<octal>[0-7]+)|(?P<decimal>0|[1-9][0-9]*))")
_BASES = {"hex": 16, "binary": 2, "octal": 8, "decimal": 10}


def decode(component: str, tree: Mapping[str, Any], version: Version, schemas: tuple[str, ...] = ()) -> tuple[dict[str, Any], list[Problem]]:
    """Returns the tree of a file as SPIRE reads it, and what a person should know of how it was read."""
    decoder = _Decoder(component, finder(component, schemas), version)
    return decoder.block(block(component), plain(tree), ""), decoder.problems


@dataclass
class _Decoder:
    component: str
    find: Finder
    version: Version
    problems: list[Problem] = field(default_factory=list)

    def block(self, known: Block, value: Any, path: str) -> Any:
        """Returns the block, merged where it comes several times. A value of another type stays as it is."""
        bodies = _blocks([value])
        if bodies is None:
            return value
        specs = known.at(self.version).specs
        found: dict[str, list[Any]] = {}
        for name, one in _items(bodies):
            found.setdefault(self._name(specs, name, path), []).append(one)
        return {
            name: self._option(specs[name], known.options[name], given, child(path, name)) if name in specs else given[-1]
            for name, given in found.items()
        }

    def _name(self, specs: Mapping[str, Spec], name: str, path: str) -> str:
        """Returns the schema's name of an option, which the file may write in another case."""
        if name in specs:
            return name
        meant = {other.lower(): other for other in specs}.get(str(name).lower())
        if meant is None:
            return name
        words = f'SPIRE reads "{name}" as "{meant}", because it does not distinguish capitals in names of options. Write "{meant}".'
        self.problems.append(Problem("case", child(path, name), words, severity="warning"))
        return meant

    def _option(self, spec: Spec, option: Option, given: list[Any], path: str) -> Any:
        """Returns the value of an option that the file sets one or more times."""
        kind, inner = spec.type, option.block
        if kind == "plugins":
            return self._plugins(given, path)
        if kind.startswith("list("):
            return self._list(inner, given, path)
        bodies = _blocks(given)
        if kind == "raw":
            return bodies[0] if bodies else given[-1]
        if bodies is None or kind in _SCALARS:
            return self._scalar(spec, given[-1])
        if not kind.startswith("map("):
            return self.block(inner, bodies, path) if inner else bodies[-1]
        named: dict[str, list[Any]] = {}
        for name, one in _items(bodies):
            named.setdefault(self._trust_domain(name) if spec.keys == "trust_domain" else name, []).append(one)
        return {name: self._named(kind, inner, ones, child(path, name)) for name, ones in named.items()}

    def _named(self, kind: str, inner: Block | None, given: list[Any], path: str) -> Any:
        """Returns the value of one name in a mapping of names."""
        if kind == "map(list(string))":
            return self._list(None, given, path)
        if inner is None:
            return _string(given[-1])
        bodies = _blocks(given)
        return given[-1] if bodies is None else self.block(inner, bodies, path)

    def _list(self, inner: Block | None, given: list[Any], path: str) -> Any:
        """Returns the items of a list that may be set several times. SPIRE also takes one block in place of a list of blocks."""
        if not all(isinstance(one, list) or inner and isinstance(one, dict) for one in given):
            return given[-1]
        items = [item for one in given for item in (one if isinstance(one, list) else [one])]
        return [self.block(inner, item, f"{path}[{index}]") if inner else _string(item) for index, item in enumerate(items)]

    def _scalar(self, spec: Spec, value: Any) -> Any:
        if spec.type == "bool":
            return _BOOLEANS.get(str(value).lower(), value) if self.version < _BARE_BOOLEANS and not isinstance(value, float) else value
        if spec.type == "int":
            return _integer(value)
        text = _string(value) if spec.type in ("string", "string or block") else value
        return self._trust_domain(text) if spec.format == "trust_domain" else text

    def _trust_domain(self, text: Any) -> Any:
        """Returns the name of a trust domain that is written as a SPIFFE ID, where the release takes that."""
        if self.version < _TRUST_DOMAIN_AS_ID or not isinstance(text, str):
            return text
        return values.trust_domain_of(text) or text

    def _plugins(self, given: list[Any], path: str) -> Any:
        types = _blocks(given)
        if types is None:
            return given[-1]
        named: dict[str, list[Any]] = {}
        for kind, plugins in _items(types):
            named.setdefault(kind, []).append(plugins)
        return {kind: self._plugins_of_type(kind, plugins, child(path, kind)) for kind, plugins in named.items()}

    def _plugins_of_type(self, kind: str, given: list[Any], path: str) -> Any:
        plugins = _blocks(given)
        if plugins is None:
            return given[-1]
        named: dict[str, list[Any]] = {}
        for name, body in _items(plugins):
            named.setdefault(name, []).append(body)
        return {name: self._plugin(kind, name, bodies, child(path, name)) for name, bodies in named.items()}

    def _plugin(self, kind: str, name: str, given: list[Any], path: str) -> Any:
        bodies = _blocks(given)
        if bodies is None:
            return given[-1]
        if len(bodies) > 1:
            words = f"The file has this plugin {len(bodies)} times, and SPIRE refuses that: make them one."
            self.problems.append(Problem("repeated", path, words))
        body = self.block(block("plugin"), bodies, path)
        known, data = self.find(kind, name, body), body.get("plugin_data")
        if known and data is not None:
            body["plugin_data"] = self.block(known, data, child(path, "plugin_data"))
        return body


_SCALARS = frozenset({"string", "int", "float", "bool", "duration"})


def _blocks(given: list[Any]) -> list[dict[str, Any]] | None:
    """Returns the blocks among the values of one name, each alone or in a list; None where a value is something else."""
    found = [item for one in given for item in (one if isinstance(one, list) else [one])]
    return found if found and all(isinstance(item, dict) for item in found) else None


def _items(bodies: list[dict[str, Any]]) -> Iterator[tuple[str, Any]]:
    for body in bodies:
        yield from body.items()


def _string(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _integer(value: Any) -> Any:
    """Returns the whole number that a text holds, in the forms that Go reads; other values as they are."""
    match = _INTEGER.fullmatch(value) if isinstance(value, str) else None
    return int(match[1] + match[str(match.lastgroup)], _BASES[str(match.lastgroup)]) if match else value
