# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host loses its power during a run: the run finishes on the other hosts, and the next one completes it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

from tests.support import faults, hosts, site_run


def test_the_others_finish(shell: Callable[..., str]) -> None:
    for agent in ("agent1", "agent2"):
        shell(agent, "rm -rf /var/lib/spire/agent/main")
    fleet = hosts.scenario_fleet()
    running = site_run.start("site")
    # Once the directory exists again, the run has begun to change this host.
    shell("agent2", "until [ -d /var/lib/spire/agent/main ]; do sleep 0.1; done")
    hosts.podman("kill", f"{fleet}-agent2")
    run = site_run.finish(running)
    subprocess.run([str(hosts.COMMAND), "restart", fleet, "agent2"], check=True)
    assert run.rc != 0
    assert set(run.failed) == {"agent2"}
    assert faults.own_id(shell, "agent1") in shell("server1", faults.ENTRIES)

    again = site_run.run("site").require()
    assert set(again.changed) <= {"agent2", "server1"}
    assert "enrolment" in again.differences("agent2", "agent")
    assert faults.own_id(shell, "agent2") in shell("server1", faults.ENTRIES)
    assert site_run.run("site").require().changed == {}
