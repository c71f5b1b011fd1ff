# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""spire.fleet.verify passes on a sound fleet, and fails on a broken one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.support import site_run


def test_a_sound_fleet_passes(groups: dict[str, list[str]]) -> None:
    run = site_run.run("verify").require()
    (report,) = run.of("server1", site_run.REPORT)
    assert {(one["host"], one["component"]) for one in report["fleet"]} == {
        ("server1", "server"), *((agent, "agent") for agent in groups["spire_agents"])
    }
    assert [one["svid"] for one in report["fleet"]] == ["", *["spiffe://molecule.test/fleet-canary"] * 3]
    # These are an agent's own SVID, and the SVID that a workload gets from it.
    ends = {(one["kind"], one["host"]) for one in report["expiry"]}
    assert {(kind, agent) for kind in ("agent_svid", "workload_svid") for agent in groups["spire_agents"]} <= ends
    assert {("x509_authority", "server1"), ("jwt_authority", "server1"), ("trust_bundle", "molecule.test")} <= ends
    assert {one["verdict"] for one in report["expiry"]} <= {"ok", "outlived"}
    assert run.changed == {}


@pytest.fixture
def stopped(shell: Callable[..., str]) -> Iterator[str]:
    shell("agent3", "systemctl stop spire-agent@main.service")
    yield "agent3"
    shell("agent3", "systemctl start spire-agent@main.service")


def test_a_stopped_agent_is_named(stopped: str) -> None:
    run = site_run.run("verify")
    assert run.rc != 0
    ((host, message),) = run.failed.items()
    assert host == "server1"
    title, _head, *rows = message.splitlines()
    assert title == "1 of 4 servers and agents are not as they should be."
    assert [row.split()[:3] for row in rows[:4]] == [
        ["server1", "server", "ok"], ["agent1", "agent", "ok"], ["agent2", "agent", "ok"], [stopped, "agent", "FAILED"]
    ]
    assert rows[4] == f"{stopped} (agent): differs from its plan: spire-agent@main.service"
    assert rows[5].startswith(f"{stopped} (agent): no SVID for spiffe://molecule.test/fleet-canary: ")
    assert len(rows) == 6
