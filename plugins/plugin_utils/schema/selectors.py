# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loads the data about selectors: which ones each built-in attestor makes, in which release, and which options they depend on.

selector_data/README.md describes the format of the data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.blocks import is_set
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.model import Span, plugin, plugin_names, span

DATA = Path(__file__).parent / "selector_data"
#: the same directory as messages name it, below the collection's root
SHOWN = "plugins/plugin_utils/schema/selector_data"
#: types of plugins whose selectors entries name, and the component that runs them
KINDS = {"NodeAttestor": "server", "NodeResolver": "server", "WorkloadAttestor": "agent", "SVIDStore": "agent"}

_CONDITIONS = frozenset({"needs", "off_if", "off_if_negative", "listed_in"})
_PLACE = re.compile(r"<[a-z]+>")


class SelectorDataError(ValueError):
    """The data about the selectors of a plugin is missing or wrong."""


@dataclass(frozen=True)
class Condition:
    """Options that decide whether a selector is made."""

    kind: str
    options: tuple[str, ...]
    span: Span

    def holds(self, data: Mapping[str, Any], value: str) -> bool:
        """Whether the plugin makes the selector with these options; ``value`` follows the selector's key."""
        found = [item for option in self.options for item in _at(data, option.split("."))]
        if self.kind == "needs":
            return any(map(is_set, found))
        if self.kind == "listed_in":
            part = value.partition(":")[0]
            return any(isinstance(item, list) and part in item for item in found)
        if self.kind == "off_if":
            return True not in found
        return not any(isinstance(item, int) and item < 0 for item in found)


@dataclass(frozen=True)
class Selector:
    """A selector of a plugin, in the releases that make it in this form."""

    kind: str
    type: str
    key: str
    value: str
    example: str
    description: str
    span: Span
    conditions: tuple[Condition, ...] = ()
    secret: bool = False

    @property
    def written(self) -> str:
        """An example of the selector as an entry names it."""
        return f"{self.type}:{self.key}:{self.example}"

    @cached_property
    def _head(self) -> re.Pattern[str]:
        places = _PLACE.split(self.key)
        return re.compile("(?:" + ".+?".join(map(re.escape, places)) + "):(.*)", re.DOTALL)

    def rest(self, text: str) -> str | None:
        """Returns the text after the key in an entry's selector; None where the selector has another key."""
        match = self._head.fullmatch(text)
        return match.group(1) if match else None

    def fits(self, rest: str) -> bool:
        """Whether the text after the key has the right form."""
        return re.fullmatch(self.value, rest, re.DOTALL) is not None

    def lacking(self, release: Version, data: Mapping[str, Any], rest: str) -> Condition | None:
        """Returns the first condition that these options do not meet."""
        return next((c for c in self.conditions if release in c.span and not c.holds(data, rest)), None)


@lru_cache(maxsize=None)
def of(kind: str, name: str) -> tuple[Selector, ...]:
    """Returns the selectors that a built-in plugin makes in any release; none for an external plugin."""
    component = KINDS[kind]
    if name not in plugin_names(component, kind):
        return ()
    block = plugin(component, kind, name)
    whole = block.span if block else Span()
    path = f"{component}/{kind}/{name}.yml"
    if not (DATA / path).is_file():
        raise SelectorDataError(
            f"The file {SHOWN}/{path} with the selectors of the {kind} {name} is missing. Add it, with `selectors: []` if the plugin makes "
            f"none; {SHOWN}/README.md describes it."
        )
    data = yaml.safe_load((DATA / path).read_text(encoding="utf-8"))
    if not isinstance(data, Mapping) or not isinstance(data.get("selectors"), list):
        raise SelectorDataError(f"The file {SHOWN}/{path} has no list `selectors`. Add it, as {SHOWN}/README.md describes.")
    return tuple(_selector(kind, name, item, whole) for item in data["selectors"])


@lru_cache(maxsize=None)
def at(kind: str, name: str, release: Version) -> tuple[Selector, ...]:
    """Returns the selectors that a plugin makes in one release, with any options."""
    return tuple(selector for selector in of(kind, name) if release in selector.span)


def made(kind: str, name: str, release: Version, data: Mapping[str, Any]) -> tuple[Selector, ...]:
    """Returns the selectors that a plugin makes in one release with these options."""
    return tuple(
        selector
        for selector in at(kind, name, release)
        if not any(release in c.span and not _possible(c, data) for c in selector.conditions)
    )


def builtin(kind: str) -> frozenset[str]:
    """Returns the plugins of a type that any release has built in."""
    return plugin_names(KINDS[kind], kind)


def _possible(condition: Condition, data: Mapping[str, Any]) -> bool:
    """Whether the condition is met for at least one value of the selector."""
    if condition.kind != "listed_in":
        return condition.holds(data, "")
    return any(is_set(item) for option in condition.options for item in _at(data, option.split(".")))


def _at(data: Any, path: list[str]) -> Iterator[Any]:
    """Yields the values at a path; ``*`` stands for each key of a map."""
    if not path:
        yield data
    elif isinstance(data, Mapping):
        for name in data if path[0] == "*" else path[:1]:
            if name in data:
                yield from _at(data[name], path[1:])


def _selector(kind: str, name: str, item: Mapping[str, Any], whole: Span) -> Selector:
    required = {"key", "value", "example", "description"}
    unknown = set(item) - required - {"since", "until", "secret", "conditions"}
    if unknown:
        raise SelectorDataError(f"selector data: {name} has unknown attributes {sorted(unknown)}")
    if required - set(item):
        raise SelectorDataError(f"selector data: a selector of {name} lacks the attributes {sorted(required - set(item))}")
    own = span(item)
    return Selector(
        kind,
        name,
        item["key"],
        item["value"],
        item["example"],
        item["description"],
        Span(own.since or whole.since, own.until or whole.until, whole.absent),
        tuple(_condition(condition) for condition in item.get("conditions", ())),
        item.get("secret", False),
    )


def _condition(item: Mapping[str, Any]) -> Condition:
    (kind,) = set(item) - {"since", "until"}
    if kind not in _CONDITIONS:
        raise SelectorDataError(f"selector data: {kind} is not a condition")
    options = item[kind] if isinstance(item[kind], list) else [item[kind]]
    return Condition(kind, tuple(options), span(item))
