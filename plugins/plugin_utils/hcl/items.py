# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Joins the items of a file into a tree, as SPIRE does where a name is repeated: blocks are merged, lists appended, of scalars the last counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.hcl.types import HclError, Tree

#: SPIRE 1.6.0 and later use one of these blocks and drop the others without a message
_ONCE = frozenset({"plugins", "plugin_data"})


@dataclass
class Body:
    """The items between two braces, before items of the same name are joined."""

    items: list[Item] = field(default_factory=list)

    def holds_blocks_alone(self) -> bool:
        return bool(self.items) and all(isinstance(item.value, Body) for item in self.items)


@dataclass
class Item:
    """A key with its labels, its value, and the place in the file that an error names."""

    keys: list[str]
    value: Any
    at: Any


#: returns the error of an item that can't stand beside an earlier one of the same name
Refusal = Callable[[str, Item, Item], HclError]


@dataclass(frozen=True)
class Joiner:
    """Joins items into a mapping."""

    refusal: Refusal
    #: whether the items are those of JSON, where SPIRE reads an object of objects as labelled blocks
    json: bool = False

    def join(self, items: list[Item], top: bool = False) -> Tree:
        """Joins the items of one block. SPIRE has no lists of blocks at the top level of a file, so blocks are always merged there."""
        groups: dict[str, list[Item]] = {}
        for item in items:
            groups.setdefault(item.keys[0], []).append(item)
        return {key: self._merge(group, top) for key, group in groups.items()}

    def _merge(self, group: list[Item], top: bool) -> Any:
        """Returns the value of one key: labelled blocks become a mapping by label, repeated blocks without a label a list."""
        unlabelled = [item for item in group if len(item.keys) == 1]
        if len(unlabelled) == len(group) == 1:
            return self._plain(group[0].value)
        bodies = [item.value for item in unlabelled if isinstance(item.value, Body)]
        if len(bodies) < len(unlabelled):
            return self._values(group)
        of_blocks = all(body.holds_blocks_alone() for body in bodies)
        if len(unlabelled) > 1 and group[0].keys[0].lower() in _ONCE and not (self.json and of_blocks):
            raise self.refusal("SPIRE 1.6.0 and later use only one of the two", group[0], group[1])
        if len(bodies) == len(group) and not top and not of_blocks:
            return [self.join(body.items) for body in bodies]
        inner: list[Item] = []
        for item in group:
            inner += [Item(item.keys[1:], item.value, item.at)] if len(item.keys) > 1 else item.value.items
        return self.join(inner)

    def _values(self, group: list[Item]) -> Any:
        """Returns the value of a key that is repeated with values other than blocks."""
        values = [self._plain(item.value) for item in group]
        if not any(isinstance(value, (list, dict)) for value in values):
            return values[-1]
        odd = next((item for item, value in zip(group, values) if len(item.keys) > 1 or not _may_join(value, values)), None)
        if odd:
            raise self.refusal("SPIRE refuses to join values of two kinds", group[0], odd if odd is not group[0] else group[1])
        return [one for value in values for one in (value if isinstance(value, list) else [value])]

    def _plain(self, value: Any) -> Any:
        return self.join(value.items) if isinstance(value, Body) else value


def _may_join(value: Any, values: list[Any]) -> bool:
    """Whether the value is a list, or a block beside lists of blocks."""
    return isinstance(value, list) or isinstance(value, dict) and all(
        isinstance(one, dict) for other in values if isinstance(other, list) for one in other
    )
