# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server whose entries the drift check has just found as they should be is not asked again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.action.entries import ActionModule
from ansible_collections.spire.fleet.plugins.module_utils.spire.entries import unchanged
from ansible_collections.spire.fleet.plugins.module_utils.spire.entry_fields import digest, normalise

WEB: dict[str, Any] = {
    "entry_id": "fleet.web", "spiffe_id": "spiffe://prod.acme.com/web", "parent_id": "spiffe://prod.acme.com/fleet/web", "selectors": ["unix:uid:1"],
}
DB: dict[str, Any] = {**WEB, "entry_id": "fleet.db", "spiffe_id": "spiffe://prod.acme.com/db"}
THERE = {one["entry_id"]: digest(normalise(one)) for one in (WEB, DB)}
PURGE: dict[str, Any] = {"prefix": "fleet.", "keep": [], "parents": None, "max_count": 10, "max_percent": 20, "confirmed": False}


def known(entries: list[dict[str, Any]], there: dict[str, str] | None = None, purge: dict[str, Any] | None = None, **asked: Any) -> dict[str, Any]:
    action = ActionModule.__new__(ActionModule)
    action._task = SimpleNamespace(delegate_to="server1")
    checked = {"differs": False, "state": {"healthy": True, "entries": THERE if there is None else there}}
    action.variables = {
        "inventory_hostname": "agent1", "spire_server_earlier": "checked",
        "hostvars": SimpleNamespace(raw_get={"server1": {"checked": checked}}.get),
    }
    return action._known({"entries": entries, "state": "present", "earlier": "spire_server_earlier", "purge": purge, **asked})


def test_entries_that_are_as_they_should_be_need_no_look() -> None:
    assert known([WEB, DB]) == known([WEB]) == unchanged()
    # SPIRE's own form and the collection's short form of a selector are the same.
    assert known([{**WEB, "selectors": [{"type": "unix", "value": "uid:1"}]}]) == unchanged()


def test_what_is_not_purged_is_reported_as_the_module_does() -> None:
    assert known([WEB, DB], purge=PURGE) == {**unchanged(), "kept": []}
    assert known([WEB], purge={**PURGE, "keep": ["fleet.db", "fleet.gone"]}) == {**unchanged(), "kept": ["fleet.db"]}
    assert known([WEB, DB], {**THERE, "theirs": ""}, PURGE) == {**unchanged(), "kept": []}


@pytest.mark.parametrize(
    ("entries", "there", "more"),
    [
        ([{**WEB, "hint": "new"}], None, {}), ([{**WEB, "entry_id": "fleet.new"}], None, {}), ([WEB, WEB], None, {}), ([{"entry_id": "fleet.web"}], None, {}),
        ([WEB], {}, {}), ([WEB], {"fleet.web": ""}, {}), ([WEB], None, {"state": "absent"}), ([WEB], None, {"earlier": None}),
        ([WEB], None, {"purge": PURGE}), ([WEB], None, {"purge": {**PURGE, "parents": ["spiffe://prod.acme.com/other"]}}),
    ],
    ids=[
        "changed", "missing", "given twice", "incomplete", "no entries known", "not read", "to be deleted", "no earlier check", "to be purged",
        "to be purged below some parents",
    ],
)
def test_otherwise_the_module_looks(entries: list[dict[str, Any]], there: dict[str, str] | None, more: dict[str, Any]) -> None:
    assert known(entries, there, **more) == {}
