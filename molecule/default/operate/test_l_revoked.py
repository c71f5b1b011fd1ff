# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An entry that leaves the inventory leaves the server, and its workload loses its SVID. Entries of others stay."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support import faults, site_run

ENTRY = {"spiffe_id": "/everywhere", "parent_id": "/fleet/spire_agents", "selectors": ["unix:uid:1"]}
WITHOUT_WEB = {"spire_entries": [ENTRY]}
FETCH = f"runuser -u www-data -- /opt/spire/agent-main/bin/spire-agent api fetch x509 -socketPath {faults.SOCKETS['agent']} 2>&1 || true"
FOREIGN = (
    "entry create -entryID of-somebody-else -spiffeID spiffe://molecule.test/foreign -parentID spiffe://molecule.test/fleet/web "
    "-selector unix:uid:4711"
)


def entries(shell: Callable[..., str]) -> dict[str, str]:
    """Returns the paths of the SPIFFE IDs of the server's entries by their IDs."""
    shown = json.loads(shell("server1", faults.cli("entry show")))["entries"]
    return {entry["id"]: entry["spiffe_id"]["path"] for entry in shown}


def entries_task(run: site_run.Run) -> dict[str, Any]:
    """Returns the result of the task on the registration entries, which has run for one server."""
    ((result,),) = [task.result["results"] for task in run.named(site_run.ENTRIES)]
    return dict(result)


def deleted(run: site_run.Run) -> list[str]:
    return sorted(entries_task(run)["deleted"])


@pytest.fixture(scope="module")
def left_over(shell: Callable[..., str]) -> Iterator[list[str]]:
    """Yields the IDs of the entries that the inventory does not want without /web: its entry, and the aliases of its group."""
    shell("server1", faults.cli(FOREIGN))
    found = sorted(name for name, path in entries(shell).items() if path in ("/web", "/fleet/web") and name != "of-somebody-else")
    assert len(found) == 3
    yield found
    shell("server1", faults.cli("entry delete -entryID of-somebody-else"))
    site_run.run("site").require()
    assert site_run.run("site").require().changed == {}


def test_check_mode_shows_what_would_be_deleted(left_over: list[str], shell: Callable[..., str]) -> None:
    run = site_run.run("site", "--check", "--diff", variables=WITHOUT_WEB).require()
    assert deleted(run) == left_over
    assert set(left_over) <= set(entries(shell))
    assert all(name in entries_task(run)["diff"]["before"] for name in left_over)


def test_verify_reports_it(left_over: list[str]) -> None:
    run = site_run.run("verify", variables=WITHOUT_WEB)
    (message,) = run.failed.values()
    assert "server1 (server): has entries that the inventory does not want any more, and that still give identities: " in message
    assert all(name in message for name in left_over)


def test_a_guard_asks_before_many_are_deleted(left_over: list[str], shell: Callable[..., str]) -> None:
    guarded: dict[str, Any] = {**WITHOUT_WEB, "spire_entries_purge_max_count": 2}
    run = site_run.run("site", variables=guarded)
    assert "and that is more than may be deleted without a confirmation (2 entries and 20 %)" in "".join(run.failed.values())
    assert set(left_over) <= set(entries(shell))
    limited = site_run.run("site", "--limit", "agent1", variables=WITHOUT_WEB).require()
    assert deleted(limited) == []


def test_a_workload_loses_its_svid(left_over: list[str], shell: Callable[..., str]) -> None:
    assert "spiffe://molecule.test/web" in shell("agent2", FETCH)
    run = site_run.run("site", variables=WITHOUT_WEB).require()
    assert deleted(run) == left_over
    rest = entries(shell)
    assert not set(left_over) & set(rest) and rest["of-somebody-else"] == "/foreign"
    shell("agent2", f"for turn in $(seq 60); do ({FETCH}) | grep -q 'no identity issued' && exit 0; sleep 1; done; exit 1")
    assert site_run.run("site", variables=WITHOUT_WEB).require().changed == {}
