# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loads the schema's data: which options a block has in each release, and their types.

A file in schema/data describes one block (server.yml, agent.yml) or the plugin_data of one plugin
(server/NodeAttestor/x509pop.yml). schema/data/README.md describes the format.
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

# The loader of libyaml is six times as fast as PyYAML's own, but PyYAML may be built without it.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_ATTRIBUTES = frozenset("""type required default default_env enum ignore_case format keys min below secret secret_file key_of certificate
    reread file windows deprecated replaced_by inverted no_effect because documentation_typo not_empty description""".split())
_STRUCTURE = frozenset({"since", "until", "absent", "changes", "options", "rules", "uses"})

#: attributes of a block that only the outermost block of a file may have
_ABOUT = frozenset({"types", "description", "documented", "deprecated", "replaced_by", "windows"})

#: all attributes of an option
ATTRIBUTES = _ATTRIBUTES | _STRUCTURE


def version(text: str) -> Version:
    return Version(*map(int, text.split(".")))


@dataclass(frozen=True)
class Span:
    """The releases that have an option or a block: ``since`` to ``until``, without those in ``absent``, to which it was not backported."""

    since: Version | None = None
    until: Version | None = None
    absent: tuple[tuple[Version, Version], ...] = ()

    def __contains__(self, release: Version) -> bool:
        if self.since and release < self.since or self.until and release > self.until:
            return False
        return not any(first <= release <= last for first, last in self.absent)


@dataclass(frozen=True)
class Spec:
    """An option in one release."""

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
    #: the option of the same block that names the certificate of the private key in this file
    key_of: str = ""
    certificate: bool = False
    #: whether SPIRE reads the file again while it runs
    reread: bool = False
    file: bool = False
    windows: bool = False
    deprecated: str = ""
    replaced_by: str = ""
    #: whether the replacement has the opposite meaning
    inverted: bool = False
    #: the release since which the option has no effect, and why
    no_effect: str = ""
    because: str = ""
    #: the wrong name that SPIRE's documentation has for it
    documentation_typo: str = ""
    #: whether SPIRE refuses an empty text; it treats other options with an empty text as not set
    not_empty: bool = False
    description: str = ""

    def has_no_effect(self, release: Version) -> bool:
        """Whether SPIRE ignores the option in this release."""
        return bool(self.no_effect) and release >= version(self.no_effect)


@dataclass
class Option:
    """An option in all releases."""

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
        """The types that the option has in any release."""
        return {self.base["type"]} | {change["type"] for _since, change in self.changes if "type" in change}

    def at(self, release: Version) -> Spec:
        """Returns the option as it is in one release."""
        attributes = dict(self.base)
        for since, change in self.changes:
            if release >= since:
                attributes.update(change)
        if "enum" in attributes:
            attributes["enum"] = tuple(attributes["enum"])
        return Spec(self.name, **attributes)


#: the kinds of rules in the data
RULE_KINDS = frozenset({"exactly_one", "at_most_one", "at_least_one", "together", "needs", "none"})


@dataclass(frozen=True)
class Rule:
    """A rule about how the options of one block depend on each other."""

    kind: str
    names: tuple[str, ...]
    span: Span
    #: the name of the rule in messages and in spire_allow. Rules that require the same in other releases or of another plugin share one.
    #: Rules in the user's own schemas may have none.
    id: str = ""
    when: tuple[tuple[str, Any], ...] = ()
    unless: tuple[tuple[str, Any], ...] = ()
    #: what happens where the rule is broken, as a sentence after the message
    because: str = ""
    #: the file of SPIRE or the guide that the rule comes from
    source: str = ""
    #: "error", or "warning" where SPIRE runs all the same
    severity: str = "error"


@dataclass
class View:
    """A block in one release."""

    specs: dict[str, Spec]
    required: tuple[str, ...]
    rules: tuple[Rule, ...]


@dataclass
class Block:
    """A block in all releases."""

    options: dict[str, Option]
    rules: tuple[Rule, ...] = ()
    span: Span = Span()
    extra: dict[str, Any] = field(default_factory=dict)
    _views: dict[Version, View] = field(default_factory=dict)

    def at(self, release: Version) -> View:
        """Returns the block as it is in one release."""
        view = self._views.get(release)
        if view is None:
            specs = {name: option.at(release) for name, option in self.options.items() if release in option.span}
            required = tuple(name for name, spec in specs.items() if spec.required)
            view = View(specs, required, tuple(rule for rule in self.rules if release in rule.span))
            self._views[release] = view
        return view


@dataclass(frozen=True)
class PluginType:
    """A type of plugins, such as NodeAttestor, with the least and the greatest number of plugins that a component may have of it."""

    name: str
    span: Span
    min: int = 0
    max: int = 0
    #: the only plugin that the type may have
    only: str = ""
    #: the release since which ``only`` applies
    only_since: str = ""
    replaced_by: str = ""
    description: str = ""

    def closed(self, release: Version) -> bool:
        """Whether SPIRE accepts no plugin but ``only``."""
        return bool(self.only) and (not self.only_since or release >= version(self.only_since))


@lru_cache(maxsize=None)
def block(name: str) -> Block:
    """Returns the block in schema/data/<name>.yml."""
    return made(yaml.load((DATA / f"{name}.yml").read_bytes(), _Loader))


def default(component: str, option: str) -> Any:
    """Returns SPIRE's default for an option of the ``server`` or ``agent`` block; raises KeyError where it has none."""
    main = block(component).options[component].block
    return main.options[option].base["default"] if main else None


@lru_cache(maxsize=None)
def plugin(component: str, kind: str, name: str) -> Block | None:
    """Returns the block of a built-in plugin's plugin_data; None where no release has built the plugin in."""
    return block(f"{component}/{kind}/{name}") if name in plugin_names(component, kind) else None


@lru_cache(maxsize=None)
def plugin_names(component: str, kind: str) -> frozenset[str]:
    """Returns the names of the plugins that any release has built in. The names are those of the files, so no file is read."""
    return frozenset(path.stem for path in (DATA / component / kind).glob("*.yml"))


@lru_cache(maxsize=None)
def plugin_types(component: str) -> dict[str, PluginType]:
    """Returns the types of plugins that a component has in any release, by name."""
    types = block("plugin").extra["types"][component]
    return {
        name: PluginType(name, span(data), **{k: v for k, v in data.items() if k not in {"since", "until"}})
        for name, data in types.items()
    }


def made(data: Mapping[str, Any]) -> Block:
    """Returns the block that a file's data, or a part of it, describes."""
    options = {name: _option(name, option) for name, option in (data.get("options") or {}).items()}
    rules = tuple(_rule(rule) for rule in data.get("rules", ()))
    extra = {"description": "", **{name: data[name] for name in _ABOUT if name in data}}
    return Block(options, rules, span(data), extra)


def _option(name: str, data: Mapping[str, Any]) -> Option:
    base = {key: value for key, value in data.items() if key in _ATTRIBUTES}
    unknown = set(data) - _ATTRIBUTES - _STRUCTURE
    if unknown:
        raise ValueError(f"schema data: {name} has unknown attributes {sorted(unknown)}")
    changes = tuple(sorted(((version(since), change) for since, change in data.get("changes", {}).items()), key=lambda pair: pair[0]))
    inner = block(data["uses"]) if "uses" in data else made(data) if "options" in data else None
    return Option(name, span(data), base, changes, inner)


def span(data: Mapping[str, Any]) -> Span:
    """Returns the releases that something in the data applies to."""
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
    return Rule(kind, tuple(data[kind]), span(data), when=when, unless=unless, **words)
