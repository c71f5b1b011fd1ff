# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists every rule by its id, with its examples: rules that are functions, and rules in the schema's data."""

from __future__ import annotations

import difflib
import functools
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import FLEET, HOST, Place, SCOPES, TREE, rules
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import block_rules
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.model import Span

# loads the modules of all rules
rules(*SCOPES)

#: the directory with the examples of rules, <scope>/cases/<module>.yml
HERE = Path(__file__).parent
#: what the rules of each scope are about
SUBJECTS = {
    TREE: "one configuration",
    HOST: "one server or agent with its variables and the controller's files",
    FLEET: "several servers and agents of the inventory",
}
_NAMES = {"server": "servers", "agent": "agents", "oidc_discovery_provider": "the OIDC discovery provider", "inventory": "the inventory"}
_WIDTH = 100


@dataclass(frozen=True)
class Variant:
    """A rule in some releases; most rules have one variant."""

    description: str
    span: Span
    source: str
    severity: str
    places: tuple[Place, ...]


@dataclass(frozen=True)
class Listed:
    """A rule as text."""

    id: str
    scope: str
    #: the module, or "options" for a rule of the schema's data
    subject: str
    variants: tuple[Variant, ...]
    #: whether only strict mode refuses it
    strict: bool
    #: whether spire_allow can contain the id
    can_be_allowed: bool

    @property
    def places(self) -> tuple[Place, ...]:
        """Returns the places of all variants without duplicates."""
        return tuple(dict.fromkeys(place for variant in self.variants for place in variant.places))


@functools.lru_cache(maxsize=None)
def everything() -> dict[str, Listed]:
    """Returns every rule by its id: those of single configurations first, then those of hosts and of fleets."""
    found = {
        one.id: Listed(
            one.id, one.scope, one.module, (Variant(one.description, one.span, one.source, one.severity, one.places),), one.allow, one.can_be_allowed,
        )
        for one in rules(*SCOPES)
    }
    # the places of each variant, by the rule's id and the rest of the variant
    of_data: dict[str, dict[tuple[Any, ...], dict[Place, None]]] = {}
    for component, path, one in block_rules.everything():
        names = ("server", "agent") if component == "both" else (component,)
        words = (block_rules.description(one), one.span, one.source, one.severity)
        of_data.setdefault(one.id, {}).setdefault(words, {}).update(dict.fromkeys(Place(name, path) for name in names))
    for name, by_words in of_data.items():
        if name in found:
            raise ValueError(f"The rule {name} of the schema's data has the id of a function")
        variants = tuple(Variant(*words, tuple(places)) for words, places in by_words.items())
        found[name] = Listed(name, TREE, "options", variants, False, any(one.severity == "warning" for one in variants))
    return dict(sorted(found.items(), key=lambda item: (SCOPES.index(item[1].scope), item[0])))


@functools.lru_cache(maxsize=None)
def cases() -> dict[str, dict[str, Any]]:
    """Returns the examples of each rule: ``wrong`` and ``right`` ones, and the module that has them."""
    found: dict[str, dict[str, Any]] = {}
    for scope in SCOPES:
        for path in sorted((HERE / scope / "cases").glob("*.yml")):
            for name, examples in (yaml.safe_load(path.read_text("utf-8")) or {}).items():
                if name in found:
                    raise ValueError(f"The rule {name} has examples in two files")
                found[name] = {"module": path.stem, **examples}
    return found


def releases(span: Span) -> str:
    """Returns the releases of a rule in words."""
    if span.since and span.until:
        return f"{span.since} to {span.until}"
    if span.since:
        return f"{span.since} and later"
    return f"up to {span.until}" if span.until else "all"


def place(where: Place) -> str:
    """Returns a place in words."""
    return f"{_NAMES[where.component]}: {where.path}" if where.path else _NAMES[where.component]


def nearest(name: str) -> list[str]:
    """Returns the ids that are similar to a name or contain it, the most similar first."""
    names = list(everything())
    close = difflib.get_close_matches(name, names, 5, 0.5)
    return list(dict.fromkeys([*close, *(other for other in names if name and name in other)]))


def unknown(name: str) -> str:
    """Returns the message about a name that is not the id of a rule."""
    near = nearest(name)
    hint = f"Did you mean {', '.join(near)}?" if near else "Run spire.fleet.explain without an id to list all rules."
    return f'No rule has the id "{name}". {hint}'


def explain(name: str) -> str:
    """Returns the description of a rule with a wrong and a right example; raises KeyError where no rule has the id."""
    one = everything()[name]
    return "\n".join(_explained(one))


def index() -> str:
    """Returns the ids of all rules with their descriptions."""
    lines = []
    for scope, subject in SUBJECTS.items():
        lines.append(f"Rules about {subject}:")
        lines += [f"  {one.id}: {one.variants[0].description}" for one in everything().values() if one.scope == scope]
        lines.append("")
    return "\n".join(lines).rstrip()


def _explained(one: Listed) -> Iterator[str]:
    yield one.id
    yield ""
    for variant in one.variants:
        yield from textwrap.wrap(variant.description, _WIDTH)
        severity = {"error": "an error", "warning": "a warning", "either": "an error or a warning"}[variant.severity]
        yield f"  severity: {severity}{' in strict mode, otherwise a warning' if one.strict and variant.severity != 'warning' else ''}"
        yield f"  releases: {releases(variant.span)}"
        yield from _listed("places", [place(where) for where in variant.places])
        yield from _listed("source", variant.source.split("; "))
        yield ""
    yield from textwrap.wrap(_allowing(one), _WIDTH)
    examples = cases().get(one.id, {})
    for kind in ("wrong", "right"):
        for example in examples.get(kind, ())[:1]:
            yield ""
            yield f"{kind.capitalize()}:"
            yield ""
            yield textwrap.indent(shown(example), "  ")


def _listed(title: str, items: list[str]) -> Iterator[str]:
    if len(items) == 1:
        yield f"  {title}: {items[0]}"
        return
    yield f"  {title}:"
    yield from (f"    {item}" for item in items)


def _allowing(one: Listed) -> str:
    if not one.can_be_allowed:
        return "spire_allow can't contain this rule: where it is broken, SPIRE or the playbooks fail."
    purpose = "accept a configuration that breaks this rule" if one.strict else "silence the warnings of this rule"
    return f"To {purpose}, set spire_allow: [{one.id}]."


def shown(example: dict[str, Any]) -> str:
    """Returns an example as YAML that a user would write: variables, or a whole inventory."""
    if "config" in example:
        component = example["component"]
        variable = f"spire_{component}_config" if component in ("server", "agent") else component
        wanted: dict[str, Any] = {"spire_version": example["release"]} if "release" in example else {}
        wanted[variable] = example["config"]
    else:
        wanted = _inventory(example)
    text = yaml.safe_dump(wanted, sort_keys=False, width=_WIDTH, default_flow_style=False).rstrip()
    readable = example.get("observed", {}).get("readable", {})
    return "\n".join([text, *(f"# on the host {file} has the mode {mode}" for file, mode in readable.items())])


def _inventory(example: dict[str, Any]) -> dict[str, Any]:
    agents = example.get("agents", ["a1"])
    if isinstance(agents, int):
        agents = [f"a{number}" for number in range(1, agents + 1)]
    own = example.get("host_variables") or {}
    members = {"spire_servers": example.get("servers", ["s1"]), "spire_agents": agents}
    found: dict[str, Any] = {"all": {"vars": example["variables"]}} if example.get("variables") else {}
    for group, hosts in members.items():
        if hosts:
            found[group] = {"hosts": {host: own.get(host) or {} for host in hosts}}
    # a host that is in both groups has its variables in the first one
    for host in set(members["spire_servers"]) & set(agents):
        found["spire_agents"]["hosts"][host] = {}
    found.update({group: {"hosts": {host: {} for host in hosts}} for group, hosts in (example.get("groups") or {}).items()})
    return found
