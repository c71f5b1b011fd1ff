# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A running agent that is evicted deletes its identity, and stays away until a run enrols it again."""

from __future__ import annotations

from collections.abc import Callable

from tests.support import faults, site_run

UNIT = "spire-agent@main.service"


def test_an_evicted_agent_is_enrolled_again(shell: Callable[..., str]) -> None:
    old = faults.own_id(shell, "agent1")
    shell("server1", faults.cli(f"agent evict -spiffeID {old}"))
    shell("agent1", f"until [ $(systemctl show --property=NRestarts --value {UNIT}) -ge 1 ]; do sleep 0.5; done")
    for _turn in range(2):
        check = site_run.run("site", "--check", "--diff").require()
        assert check.differences("agent1", "agent") == ["enrolment", "file /etc/spire/agent/main.bundle.pem", UNIT]
    run = site_run.run("site").require()
    assert set(run.changed) == {"agent1", "server1"}
    new = faults.own_id(shell, "agent1")
    assert new != old and new in shell("server1", faults.ENTRIES)
    assert site_run.run("site").require().changed == {}
