# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rule engine: a rule is one function with a decorator, which says where the rule applies, since which release, and what its source is.

    @rule(
        "tree", "server:plugins.UpstreamAuthority.disk.plugin_data", "server:plugins.UpstreamCA.disk.plugin_data",
        severity="warning", source="doc/plugin_server_upstreamauthority_disk.md, v1.15.3",
    )
    def upstream_key_and_certificate_in_one_file(context: RuleContext) -> Findings:
        '''The upstream CA's key and its certificate are in different files.'''
        if ...:
            yield Finding("key_file_path", "What is wrong, and what to do.")

The function's name is the rule's id. It is unique; messages show it, and users write it into ``spire_allow``. The first paragraph of the
docstring says what must hold. The rules of a scope are in the modules below rules/tree, rules/host or rules/fleet; all modules there are
loaded, and no list names them.

A place is a component, and a path after a colon. Rules of trees are evaluated for each block at the path; ``*`` matches any name. Rules of
hosts and of fleets are evaluated once for each server or agent, and the path only says what they are about.
"""

from __future__ import annotations

import datetime
import functools
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.blocks import block, is_set, plugin_is_enabled, plugins
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import child
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import links
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.model import Span, plugin, version as schema_version

T = TypeVar("T")
TREE, HOST, FLEET = "tree", "host", "fleet"
SCOPES = (TREE, HOST, FLEET)
#: the place of a rule that is evaluated once, after all servers and agents of the inventory
INVENTORY = "inventory"
COMPONENTS = ("server", "agent", "oidc_discovery_provider", INVENTORY)


@dataclass(frozen=True)
class Finding:
    """Something that breaks a rule.

    ``path`` is the option's path inside the block for rules of trees, and the whole path, or the name of a variable, for others.
    """

    path: str
    message: str
    #: the severity; empty for that of the rule
    severity: str = ""
    #: the hosts that have the problem; empty for the host of the plan
    hosts: tuple[str, ...] = ()
    #: the variable to correct, where it follows neither from the path nor from the tree's layers
    layer: str | None = None


Findings = Iterator[Finding]


@dataclass
class RuleContext:
    """The input of a rule. A value with a wrong type counts as not set, because the schema reports it."""

    component: str
    release: Version
    #: for rules of trees: the block at the place, the whole tree, and the block's path
    values: dict[str, Any] = field(default_factory=dict)
    tree: dict[str, Any] = field(default_factory=dict)
    path: str = ""
    #: for rules of hosts and of fleets: the ``Plan`` of a server or agent; None for a rule of the inventory
    plan: Any = None
    #: for rules of fleets: the ``Fleet``
    fleet: Any = None
    now: datetime.datetime = field(default_factory=lambda: datetime.datetime.now(datetime.timezone.utc))
    #: the steps that this run of ``site`` takes; None where no playbook runs
    steps: Collection[str] | None = None
    #: what the drift check found on the host; empty in preflight
    observed: Mapping[str, Any] = field(default_factory=dict)
    #: whether every plan of the inventory is checked, so that rules can compare them; otherwise one host's plan alone
    whole: bool = False
    #: what rules of the inventory store about each plan until they have seen all plans
    memory: dict[str, Any] = field(default_factory=dict)
    _facts: dict[str, Any] = field(default_factory=dict)

    def fact(self, name: str, make: Callable[[], T]) -> T:
        """Returns a value that several rules need about one plan; the first rule that needs it computes it."""
        if name not in self._facts:
            self._facts[name] = make()
        found: T = self._facts[name]
        return found

    def __contains__(self, name: str) -> bool:
        return is_set(self.values.get(name))

    def text(self, name: str) -> str:
        """Returns the option's string; an empty string where the option is not a string."""
        value = self.values.get(name)
        return value if isinstance(value, str) else ""

    def true(self, name: str) -> bool:
        """Whether the option is true."""
        return self.values.get(name) is True

    def number(self, name: str) -> int | None:
        """Returns the option's integer; None where the option is not an integer."""
        value = self.values.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def strings(self, name: str) -> list[str]:
        """Returns the strings in the option's list; an empty list where the option is not a list."""
        value = self.values.get(name)
        return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []

    def blocks(self, name: str) -> list[dict[str, Any]]:
        """Returns the blocks of an option that may hold one block or a list of them."""
        value = self.values.get(name)
        return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, dict)]

    def named(self, name: str) -> dict[str, dict[str, Any]]:
        """Returns the blocks of an option that maps names to blocks."""
        value = self.values.get(name)
        return {key: item for key, item in value.items() if isinstance(item, dict)} if isinstance(value, dict) else {}

    def main(self) -> Mapping[str, Any]:
        """Returns the block ``server`` or ``agent`` of the tree, whatever the place of the rule is."""
        return block(self.tree, self.component)

    def plugins(self, kind: str) -> dict[str, Mapping[str, Any]]:
        """Returns the plugin_data of the enabled plugins of a type by their names; it is empty for external plugins."""
        return {name: _data(body) for name, body in plugins(self.tree, kind).items()}


@dataclass(frozen=True)
class Place:
    """Where a rule applies: a component, and a path in its tree or the name of a variable. An empty path means the whole file."""

    component: str
    path: str = ""

    @functools.cached_property
    def span(self) -> Span:
        """Returns the releases in which the path exists."""
        first_and_last = links.releases_span(self.component, self.path) if self.path and self.component in COMPONENTS[:3] else None
        return Span(*first_and_last) if first_and_last else Span()


@dataclass(frozen=True)
class Rule:
    """A rule: its function, and its description."""

    id: str
    scope: str
    places: tuple[Place, ...]
    description: str
    source: str
    span: Span
    #: error, warning, or either, where each finding says which
    severity: str
    #: whether only strict mode refuses it and SPIRE does not, so that spire_allow can contain it
    allow: bool
    #: ids of rules; where one of them is broken, this rule is not evaluated
    after: tuple[str, ...]
    external: bool
    check: Callable[[RuleContext], Findings] = field(compare=False)
    module: str = ""
    line: int = 0

    @property
    def can_be_allowed(self) -> bool:
        """Whether spire_allow can contain the rule's id, because SPIRE starts although the rule is broken."""
        return self.allow or self.severity != "error"


_RULES: dict[str, Rule] = {}


def rule(
    scope: str, *places: str, source: str, since: str = "", until: str = "", severity: str = "error", allow: bool = False,
    after: tuple[Callable[[RuleContext], Findings], ...] = (), external: bool = False,
) -> Callable[[Callable[[RuleContext], Findings]], Callable[[RuleContext], Findings]]:
    """Makes a function a rule.

    ``allow`` marks a rule of strict mode, which SPIRE itself does not have; its messages say how to permit the setting. A rule ``after``
    others is not evaluated where one of them is broken. ``external`` marks a rule about the plugin_data of an external plugin.
    """

    def register(check: Callable[[RuleContext], Findings]) -> Callable[[RuleContext], Findings]:
        known = Rule(
            check.__name__, scope, tuple(map(_place, places)), _description(check), source, _span(since, until), severity, allow,
            tuple(other.__name__ for other in after), external, check, check.__module__.rpartition(".")[2], check.__code__.co_firstlineno,
        )
        if scope not in SCOPES or not places or known.id in _RULES and _RULES[known.id].check.__module__ != check.__module__:
            raise ValueError(f"The rule {known.id} has no scope or no place, or its id is another rule's")
        _RULES[known.id] = known
        return check

    return register


def _place(text: str) -> Place:
    component, _colon, path = text.partition(":")
    if component not in COMPONENTS:
        raise ValueError(f"The place {text} must begin with one of {', '.join(COMPONENTS)}")
    return Place(component, path)


def _description(check: Callable[..., Any]) -> str:
    description = " ".join(inspect.cleandoc(check.__doc__ or "").partition("\n\n")[0].split())
    if not description.endswith("."):
        raise ValueError(f"The rule {check.__name__} must say in its docstring what must hold, in a whole sentence")
    return description


def _span(since: str, until: str) -> Span:
    return Span(schema_version(since) if since else None, schema_version(until) if until else None)


@functools.lru_cache(maxsize=None)
def _load(scope: str) -> None:
    """Imports every module of a scope once. A later import could use another import system and register the rules twice."""
    for module in pkgutil.iter_modules([str(Path(__file__).parent / scope)]):
        importlib.import_module(f"{__package__}.{scope}.{module.name}")


@functools.lru_cache(maxsize=None)
def rules(*scopes: str) -> tuple[Rule, ...]:
    """Returns the rules of these scopes, sorted by module and line, except that a rule follows those that its ``after`` names."""
    for scope in scopes:
        _load(scope)
    found = sorted((known for known in _RULES.values() if known.scope in scopes), key=lambda one: (SCOPES.index(one.scope), one.module, one.line))
    return tuple(_ordered(found))


def _ordered(found: list[Rule]) -> list[Rule]:
    placed: dict[str, Rule] = {}
    names = {one.id: one for one in found}

    def place(one: Rule) -> None:
        if one.id in placed:
            return
        for other in one.after:
            if other in names:
                place(names[other])
        placed[one.id] = one

    for one in found:
        place(one)
    return list(placed.values())


@functools.lru_cache(maxsize=None)
def applicable(scopes: tuple[str, ...], component: str, release: Version | None) -> tuple[Rule, ...]:
    """Returns the rules that apply to a component at a release, each with only the places that apply."""
    found = []
    for known in rules(*scopes):
        places = tuple(one for one in known.places if one.component == component and (release is None or release in one.span))
        if places and (release is None or release in known.span):
            found.append(replace(known, places=places))
    return tuple(found)


def broken(context: RuleContext, known: Collection[Rule]) -> Iterator[tuple[Rule, Finding]]:
    """Yields the findings of rules of hosts and fleets. A rule after one that is broken, or was not evaluated, is not evaluated."""
    silent: set[str] = set()
    for one in known:
        if not silent.isdisjoint(one.after):
            silent.add(one.id)
            continue
        for finding in one.check(context):
            silent.add(one.id)
            yield one, finding


def broken_in_tree(component: str, tree: dict[str, Any], release: Version, strict: bool = False) -> Iterator[tuple[Rule, Finding]]:
    """Yields the findings of rules of trees, with whole paths: those of strict mode's rules, or those of all others."""
    for known in applicable((TREE,), component, release):
        if known.allow is not strict:
            continue
        for place in known.places:
            for body, path in _at(known, place, tree, release):
                for finding in known.check(RuleContext(component, release, body, tree, path, now=_NEVER)):
                    whole = f"{path}.{finding.path}" if path and finding.path else path or finding.path
                    yield known, replace(finding, path=whole)


#: rules of trees don't depend on the time, so reading the clock for each of them would be a waste
_NEVER = datetime.datetime.min


def _at(known: Rule, place: Place, tree: dict[str, Any], release: Version) -> Iterator[tuple[dict[str, Any], str]]:
    """Yields the blocks at a place, without those of plugins that SPIRE would not load."""
    places: list[tuple[Any, str]] = [(tree, "")]
    for depth, part in enumerate(place.path.split(".") if place.path else ()):
        places = [step for value, path in places for step in _into(value, part, path)]
        if depth == 2 and place.path.startswith("plugins."):
            places = [(_with_data(body), path) for body, path in places if _loaded(known, place, body, path, release)]
    yield from ((value, path) for value, path in places if isinstance(value, dict))


def _into(value: Any, part: str, path: str) -> Iterator[tuple[Any, str]]:
    if not isinstance(value, dict):
        return
    for name in [part] if part != "*" else list(value):
        inner = value.get(name)
        if isinstance(inner, list):
            yield from ((item, f"{child(path, name)}[{index}]") for index, item in enumerate(inner))
        elif inner is not None:
            yield inner, child(path, name)


def _loaded(known: Rule, place: Place, body: Any, path: str, release: Version) -> bool:
    if not plugin_is_enabled(body) or not isinstance(body, dict):
        return False
    _plugins, kind, name = place.path.split(".")[:3]
    if name == "*":
        return True
    built_in = plugin(place.component, kind if kind != "*" else path.split(".")[1], name)
    if bool(body.get("plugin_cmd")) is not known.external:
        return False
    return known.external or built_in is not None and release in built_in.span


def _with_data(body: dict[str, Any]) -> dict[str, Any]:
    """Returns a plugin's block with plugin_data, which is empty where the block has none: ``azure_msi: {}`` sets no option."""
    return body if "plugin_data_file" in body else {"plugin_data": {}, **body}


def _data(body: Any) -> Mapping[str, Any]:
    return {} if block(body).get("plugin_cmd") else block(body, "plugin_data")
