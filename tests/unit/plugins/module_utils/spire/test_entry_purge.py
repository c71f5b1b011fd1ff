# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which entries are deleted, which stay, and when a person must confirm it."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.spire.entry_purge import Purge

DEFAULTS = {"prefix": "fleet.", "keep": [], "parents": None, "max_count": 10, "max_percent": 20, "confirmed": False}


def shown(*names: str, parent: str = "/fleet/web") -> list[dict[str, Any]]:
    return [{"id": name, "parent_id": {"trust_domain": "example.org", "path": parent}} for name in names]


def ids(purge: Purge, entries: list[dict[str, Any]], *wanted: str) -> list[str]:
    return [str(entry["id"]) for entry in purge.leftovers(entries, wanted)]


def test_only_own_entries_that_nobody_wants_are_deleted() -> None:
    purge = Purge.of({**DEFAULTS, "keep": ["fleet.kept"]})
    assert ids(purge, shown("fleet.a", "fleet.b", "fleet.kept", "of-somebody-else", ""), "fleet.b") == ["fleet.a"]
    assert purge.kept(shown("fleet.a", "fleet.kept")) == ["fleet.kept"]


@pytest.mark.parametrize(("parents", "deleted"), [(None, ["fleet.a", "fleet.b"]), ([], []), (["spiffe://example.org/agent/a"], ["fleet.a"])])
def test_a_limited_run_deletes_entries_of_its_own_hosts(parents: list[str] | None, deleted: list[str]) -> None:
    entries = [*shown("fleet.a", parent="/agent/a"), *shown("fleet.b", parent="/agent/b")]
    assert ids(Purge.of({**DEFAULTS, "parents": parents}), entries) == deleted


@pytest.mark.parametrize(
    ("number", "of", "options", "refused"),
    [
        (10, 10, {}, False), (11, 11, {}, True), (11, 55, {}, False), (11, 54, {}, True), (11, 11, {"confirmed": True}, False),
        (1, 1, {"max_count": 0}, True), (1, 1, {"max_count": 0, "max_percent": 100}, False),
    ],
)
def test_many_deletions_by_number_and_by_share_need_a_confirmation(number: int, of: int, options: dict[str, Any], refused: bool) -> None:
    entries = shown(*(f"fleet.{index:03d}" for index in range(of)), *(f"other.{index}" for index in range(1000)))
    refusal = Purge.of({**DEFAULTS, **options}).refusal(entries, entries[:number])
    assert bool(refusal) is refused
    if refused:
        assert f"does not want {number} of the {of} entries any more" in refusal
