# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tag `entries` updates an entry that was changed in the inventory, and its ID stays the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.support import faults, site_run

ENTRY = {"spiffe_id": "/everywhere", "parent_id": "/fleet/spire_agents", "selectors": ["unix:uid:1"]}
WEB = {"spiffe_id": "/web", "parent_id": "/fleet/web", "selectors": ["unix:user:www-data"]}
CHANGED = {"spire_entries": [{**ENTRY, "selectors": ["unix:uid:2"], "x509_svid_ttl": 600}, WEB]}


def everywhere(shell: Callable[..., str]) -> dict[str, Any]:
    entries = json.loads(shell("server1", faults.cli("entry show")))["entries"]
    (found,) = [entry for entry in entries if entry["spiffe_id"]["path"] == "/everywhere"]
    return dict(found)


def created_and_updated(run: site_run.Run) -> tuple[list[str], list[str]]:
    ((entries,),) = [result["results"] for result in run.of("server1", site_run.ENTRIES)]
    return entries["created"], entries["updated"]


def test_an_entry_is_updated(shell: Callable[..., str]) -> None:
    before = everywhere(shell)
    check = site_run.run("site", "--tags", "entries", "--check", "--diff", variables=CHANGED).require()
    assert created_and_updated(check) == ([], [before["id"]])
    assert everywhere(shell) == before

    run = site_run.run("site", "--tags", "entries", variables=CHANGED).require()
    assert created_and_updated(run) == ([], [before["id"]])
    # No task ran on any other host than the server.
    assert {task.host for task in run.tasks} == {"server1"}
    after = everywhere(shell)
    assert (after["id"], after["x509_svid_ttl"]) == (before["id"], 600)
    assert after["selectors"] == [{"type": "unix", "value": "uid:2"}]
    assert site_run.run("site", "--tags", "entries", variables=CHANGED).require().changed == {}

    site_run.run("site", "--tags", "entries").require()
    assert everywhere(shell)["selectors"] == before["selectors"]
