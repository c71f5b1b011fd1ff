# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that need code: each a small function that says where it applies, since when, and where that is written.

    @rule("server", "plugins.DataStore.sql.plugin_data", since="0.9.0")
    def mysql_parse_time(found: Found) -> Findings:
        '''A MySQL connection string has parseTime=true.

        Source: pkg/server/datastore/sqlstore/mysql.go, v1.15.3
        '''
        if ...:
            yield "connection_string", "What is wrong, and what to do."

A finding is the path of the option inside the block (or "" for the whole block) and a sentence. ``*`` in a path stands for any name.
The first paragraph of the docstring is the rule as a person reads it in the reference.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.blocks import block, is_set, plugin_is_enabled, plugins
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import child
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.model import Span, plugin, version as schema_version

Findings = Iterator[tuple[str, str]]


@dataclass
class Found:
    """A block of a tree as rules look at it. What has another type than asked for is the schema's to tell: here it isn't set."""

    values: dict[str, Any]
    tree: dict[str, Any]
    release: Version
    path: str = ""

    def __contains__(self, name: str) -> bool:
        return is_set(self.values.get(name))

    def text(self, name: str) -> str:
        """A string; a list's numbers and the like are none."""
        value = self.values.get(name)
        return value if isinstance(value, str) else ""

    def true(self, name: str) -> bool:
        """Whether it is switched on."""
        return self.values.get(name) is True

    def number(self, name: str) -> int | None:
        """A whole number."""
        value = self.values.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def strings(self, name: str) -> list[str]:
        """The strings of a list."""
        value = self.values.get(name)
        return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []

    def blocks(self, name: str) -> list[dict[str, Any]]:
        """One block, or several."""
        value = self.values.get(name)
        return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, dict)]

    def named(self, name: str) -> dict[str, dict[str, Any]]:
        """Blocks by their names."""
        value = self.values.get(name)
        return {key: item for key, item in value.items() if isinstance(item, dict)} if isinstance(value, dict) else {}

    def main(self, component: str) -> Mapping[str, Any]:
        """The server's or agent's own block, wherever the rule applies."""
        return block(self.tree, component)

    def plugins(self, kind: str) -> dict[str, Mapping[str, Any]]:
        """The plugin_data of the plugins of a type that are switched on; an external one's is empty."""
        return {name: _data(body) for name, body in plugins(self.tree, kind).items()}


@dataclass(frozen=True)
class Rule:
    """What must hold, as code and as words."""

    name: str
    component: str
    path: str
    says: str
    source: str
    span: Span
    severity: str
    #: the name by which strict mode's refusal is lifted; empty where it isn't strict mode that refuses
    allow: str
    check: Callable[[Any], Findings] = field(compare=False)
    external: bool = False


#: every rule of trees, in the order in which the modules are loaded
RULES: list[Rule] = []
#: rules that look at a whole fleet, for the count and the reference; fleet code calls them itself
FLEET: list[Rule] = []

_SOURCE = re.compile(r"\bSource: (.+)\Z", re.DOTALL)


def rule(
    component: str,
    path: str,
    *,
    since: str = "",
    until: str = "",
    severity: str = "error",
    allow: str = "",
    external: bool = False,
) -> Callable[[Callable[[Found], Findings]], Callable[[Found], Findings]]:
    """Makes a function a rule of trees; ``external`` is for plugin_data of a plugin that is not built in."""

    def register(check: Callable[[Found], Findings]) -> Callable[[Found], Findings]:
        RULES.append(_described(check, component, path, _span(since, until), severity, allow, external))
        return check

    return register


def fleet_rule(component: str, *, severity: str = "error", allow: str = "") -> Callable[[Any], Any]:
    """Notes a function that looks at more than one tree as a rule."""

    def register(check: Any) -> Any:
        FLEET.append(_described(check, component, "inventory", Span(), severity, allow, False))
        return check

    return register


def _described(
    check: Any, component: str, path: str, span: Span, severity: str, allow: str, external: bool
) -> Rule:
    words = inspect.cleandoc(check.__doc__ or "")
    source = _SOURCE.search(words)
    says = " ".join(words[: source.start()].split()) if source else ""
    if not source or not says.endswith("."):
        raise ValueError(f"{check.__name__} must say what it asks for in whole sentences, and name its source")
    return Rule(
        check.__name__, component, path, says, " ".join(source[1].split()), span, severity, allow, check, external
    )


def _span(since: str, until: str) -> Span:
    return Span(schema_version(since) if since else None, schema_version(until) if until else None)


def broken_rules(
    component: str, tree: dict[str, Any], release: Version, strict: bool = False
) -> Iterator[tuple[Rule, str, str]]:
    """Each rule that the tree breaks, with the path and the sentence; strict mode's rules, or all others."""
    for known in RULES:
        if bool(known.allow) is not strict or known.component != component or release not in known.span:
            continue
        for body, path in _at(known, tree, release):
            for option, message in known.check(Found(body, tree, release, path)):
                yield known, f"{path}.{option}" if path and option else path or option, message


def _at(known: Rule, tree: dict[str, Any], release: Version) -> Iterator[tuple[dict[str, Any], str]]:
    """The blocks at a path; of plugins only those that SPIRE would load."""
    places: list[tuple[Any, str]] = [(tree, "")]
    for depth, part in enumerate(known.path.split(".") if known.path else ()):
        places = [step for value, path in places for step in _into(value, part, path)]
        if depth == 2 and known.path.startswith("plugins."):
            places = [(_with_data(body), path) for body, path in places if _looked_at(known, body, path, release)]
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


def _looked_at(known: Rule, body: Any, path: str, release: Version) -> bool:
    if not plugin_is_enabled(body) or not isinstance(body, dict):
        return False
    _plugins, kind, name = known.path.split(".")[:3]
    if name == "*":
        return True
    built_in = plugin(known.component, kind if kind != "*" else path.split(".")[1], name)
    if bool(body.get("plugin_cmd")) is not known.external:
        return False
    return known.external or built_in is not None and release in built_in.span


def _with_data(body: dict[str, Any]) -> dict[str, Any]:
    """A plugin without plugin_data is one with an empty block: ``azure_msi: {}`` leaves every option out."""
    return body if "plugin_data_file" in body else {"plugin_data": {}, **body}


def _data(body: Any) -> Mapping[str, Any]:
    return {} if block(body).get("plugin_cmd") else block(body, "plugin_data")
