# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schema's data as objects: which options a block has in which release, and of what type.

A file in schema/data is one block (server.yml, agent.yml) or the plugin_data of one plugin
(server/NodeAttestor/x509pop.yml). README.md there describes the format.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version

DATA = Path(__file__).parent / "data"

# six times as fast where PyYAML was built with libyaml
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_ATTRIBUTES = frozenset("""type required default default_env enum ignore_case format keys min below secret secret_file certificate
    file windows deprecated replaced_by inverted no_effect because documentation_typo not_empty description""".split())
_STRUCTURE = frozenset({"since", "until", "absent", "changes", "options", "rules", "uses"})

#: what a file's block says besides
_ABOUT = frozenset({"types", "description", "documented", "deprecated", "replaced_by", "windows"})

#: everything that an option's data may say
ATTRIBUTES = _ATTRIBUTES | _STRUCTURE


def version(text: str) -> Version:
    major, minor, patch = text.split(".")
    return Version(int(major), int(minor), int(patch))


@dataclass(frozen=True)
class Span:
    """The releases that have something: from ``since`` to ``until``, without some backport holes."""

    since: Version | None = None
    until: Version | None = None
    absent: tuple[tuple[Version, Version], ...] = ()

    def __contains__(self, release: Version) -> bool:
        if self.since and release < self.since or self.until and release > self.until:
            return False
        return not any(first <= release <= last for first, last in self.absent)


@dataclass(frozen=True)
class Spec:
    """An option as one release has it."""

    name: str
    type: str
    required: bool = False
    default: Any = None
    default_env: str = ""
    enum: tuple[str, ...] = ()
    ignore_case: bool = False
    format: str = ""
    keys: str = ""
    min: Any = None
    below: Any = None
    secret: bool = False
    secret_file: bool = False
    certificate: bool = False
    file: bool = False
    windows: bool = False
    deprecated: str = ""
    replaced_by: str = ""
    #: what replaces it means the opposite
    inverted: bool = False
    #: the release from which on SPIRE reads it and does nothing with it, and why
    no_effect: str = ""
    because: str = ""
    #: what SPIRE's own documentation calls it, wrongly
    documentation_typo: str = ""
    #: SPIRE refuses an empty text, which elsewhere is to it as if it weren't there
    not_empty: bool = False
    description: str = ""

    def has_no_effect(self, release: Version) -> bool:
        """Whether SPIRE does nothing with it."""
        return bool(self.no_effect) and release >= version(self.no_effect)


@dataclass
class Option:
    """An option through all releases."""

    name: str
    span: Span
    base: dict[str, Any]
    changes: tuple[tuple[Version, dict[str, Any]], ...] = ()
    block: Block | None = None

    @property
    def secret(self) -> bool:
        return bool(self.base.get("secret"))

    @property
    def types(self) -> set[str]:
        return {self.base["type"]} | {change["type"] for _since, change in self.changes if "type" in change}

    def at(self, release: Version) -> Spec:
        attributes = dict(self.base)
        for since, change in self.changes:
            if release >= since:
                attributes.update(change)
        if "enum" in attributes:
            attributes["enum"] = tuple(attributes["enum"])
        return Spec(self.name, **attributes)


#: what a rule of the data can say of options
RULE_KINDS = frozenset({"exactly_one", "at_most_one", "at_least_one", "together", "needs", "none"})


@dataclass(frozen=True)
class Rule:
    """How the options of one block depend on each other."""

    kind: str
    names: tuple[str, ...]
    span: Span
    #: the name that stands in messages and in spire_allow; several rules share one where they ask for the same thing in other releases
    #: or for another plugin. Rules of the user's own schemas may have none
    id: str = ""
    when: tuple[tuple[str, Any], ...] = ()
    unless: tuple[tuple[str, Any], ...] = ()
    #: what happens otherwise, as a sentence that follows ours; where it is written; "warning" where SPIRE lives with it
    because: str = ""
    source: str = ""
    severity: str = "error"


@dataclass
class View:
    """A block as one release has it."""

    specs: dict[str, Spec]
    required: tuple[str, ...]
    rules: tuple[Rule, ...]


@dataclass
class Block:
    options: dict[str, Option]
    rules: tuple[Rule, ...] = ()
    span: Span = Span()
    extra: dict[str, Any] = field(default_factory=dict)
    _views: dict[Version, View] = field(default_factory=dict)

    def at(self, release: Version) -> View:
        view = self._views.get(release)
        if view is None:
            specs = {name: option.at(release) for name, option in self.options.items() if release in option.span}
            required = tuple(name for name, spec in specs.items() if spec.required)
            view = View(specs, required, tuple(rule for rule in self.rules if release in rule.span))
            self._views[release] = view
        return view


@dataclass(frozen=True)
class PluginType:
    name: str
    span: Span
    min: int = 0
    max: int = 0
    only: str = ""
    #: the release from which on ``only`` holds
    only_since: str = ""
    replaced_by: str = ""
    description: str = ""

    def closed(self, release: Version) -> bool:
        """Whether SPIRE takes nothing but its own ``only``."""
        return bool(self.only) and (not self.only_since or release >= version(self.only_since))


@lru_cache(maxsize=None)
def block(name: str) -> Block:
    """The block in schema/data/<name>.yml."""
    return made(yaml.load((DATA / f"{name}.yml").read_bytes(), _Loader))


def made(data: Mapping[str, Any]) -> Block:
    """The block that a file's data say."""
    return _block(data)


def default(component: str, option: str) -> Any:
    """What SPIRE itself takes for an option of the ``server`` or ``agent`` block that is not set; KeyError without a default."""
    main = block(component).options[component].block
    return main.options[option].base["default"] if main else None


@lru_cache(maxsize=None)
def plugin(component: str, kind: str, name: str) -> Block | None:
    """plugin_data of a plugin that some release has built in."""
    return block(f"{component}/{kind}/{name}") if name in plugin_names(component, kind) else None


@lru_cache(maxsize=None)
def plugin_names(component: str, kind: str) -> frozenset[str]:
    """Names of all that any release has built in. The file names are the list, so that nothing else need be read."""
    return frozenset(path.stem for path in (DATA / component / kind).glob("*.yml"))


@lru_cache(maxsize=None)
def plugin_types(component: str) -> dict[str, PluginType]:
    types = block("plugin").extra["types"][component]
    return {
        name: PluginType(name, _span(data), **{k: v for k, v in data.items() if k not in {"since", "until"}})
        for name, data in types.items()
    }


def _block(data: Mapping[str, Any]) -> Block:
    options = {name: _option(name, option) for name, option in (data.get("options") or {}).items()}
    rules = tuple(_rule(rule) for rule in data.get("rules", ()))
    extra = {"description": "", **{name: data[name] for name in _ABOUT if name in data}}
    return Block(options, rules, _span(data), extra)


def _option(name: str, data: Mapping[str, Any]) -> Option:
    base = {key: value for key, value in data.items() if key in _ATTRIBUTES}
    unknown = set(data) - _ATTRIBUTES - _STRUCTURE
    if unknown:
        raise ValueError(f"schema data: {name} has unknown attributes {sorted(unknown)}")
    changes = tuple(sorted(((version(since), change) for since, change in data.get("changes", {}).items()), key=_first))
    inner = block(data["uses"]) if "uses" in data else _block(data) if "options" in data else None
    return Option(name, _span(data), base, changes, inner)


def _first(pair: tuple[Version, Any]) -> Version:
    return pair[0]


def _span(data: Mapping[str, Any]) -> Span:
    return Span(
        version(data["since"]) if "since" in data else None,
        version(data["until"]) if "until" in data else None,
        tuple(_range(text) for text in data.get("absent", ())),
    )


def _range(text: str) -> tuple[Version, Version]:
    first, last = text.split(" - ")
    return version(first), version(last)


def _rule(data: Mapping[str, Any]) -> Rule:
    words = {key: data[key] for key in ("because", "source", "severity", "id") if key in data}
    (kind,) = set(data) - {"since", "until", "when", "unless", *words}
    when, unless = (tuple(data.get(key, {}).items()) for key in ("when", "unless"))
    return Rule(kind, tuple(data[kind]), _span(data), when=when, unless=unless, **words)
