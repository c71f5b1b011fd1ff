# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finds the entries that the collection has made on a server and that the inventory does not want any more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterable, Mapping

from ansible_collections.spire.fleet.plugins.module_utils.spire.cli import spiffe_id

#: the suboptions of the option ``purge``
SUBOPTIONS: dict[str, dict[str, Any]] = {
    "prefix": {"type": "str", "required": True},
    "keep": {"type": "list", "elements": "str", "default": []},
    "parents": {"type": "list", "elements": "str"},
    "max_count": {"type": "int", "default": 10},
    "max_percent": {"type": "int", "default": 20},
    "confirmed": {"type": "bool", "default": False},
}
#: how many IDs a message lists
SHOWN = 10


@dataclass(frozen=True)
class Purge:
    """Which entries of a server may be deleted, and how many of them without a confirmation."""

    prefix: str
    keep: frozenset[str]
    #: the parents of the entries that may be deleted; None for every parent
    parents: frozenset[str] | None
    max_count: int
    max_percent: int
    confirmed: bool

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Purge:
        """Reads the option ``purge``."""
        parents = given["parents"]
        return cls(**{**given, "keep": frozenset(given["keep"]), "parents": None if parents is None else frozenset(parents)})

    def leftovers(self, shown: Iterable[Mapping[str, Any]], wanted: Iterable[str]) -> list[Mapping[str, Any]]:
        """Returns the entries to delete, as ``entry show`` printed them."""
        stay = self.keep.union(wanted)
        return [
            entry for entry in self._own(shown)
            if entry["id"] not in stay and (self.parents is None or spiffe_id(entry.get("parent_id")) in self.parents)
        ]

    def kept(self, shown: Iterable[Mapping[str, Any]]) -> list[str]:
        """Returns the IDs of the entries that are kept for hosts outside of this run."""
        return sorted(entry["id"] for entry in self._own(shown) if entry["id"] in self.keep)

    def refusal(self, shown: Iterable[Mapping[str, Any]], leftovers: Iterable[Mapping[str, Any]]) -> str:
        """Returns why so many entries are not deleted without a confirmation; empty where they may be deleted."""
        ids, number = sorted(entry["id"] for entry in leftovers), len(self._own(shown))
        if self.confirmed or len(ids) <= self.max_count or 100 * len(ids) <= self.max_percent * number:
            return ""
        more = f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else ""
        return (
            f"The inventory does not want {len(ids)} of the {number} entries any more that the collection has made on this server, and that is more "
            f"than may be deleted without a confirmation ({self.max_count} entries and {self.max_percent} %): {', '.join(ids[:SHOWN])}{more}"
        )

    def _own(self, shown: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        return [entry for entry in shown if str(entry.get("id", "")).startswith(self.prefix)]
