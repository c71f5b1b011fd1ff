# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host that can't be reached is decommissioned as far as its server can do it alone."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

from tests.support import faults, hosts, site_run


def test_the_server_forgets_a_dead_host(shell: Callable[..., str]) -> None:
    spiffe_id = faults.own_id(shell, "agent3")
    assert spiffe_id in shell("server1", faults.ENTRIES)
    fleet = hosts.scenario_fleet()
    hosts.podman("kill", f"{fleet}-agent3")
    try:
        run = site_run.run("decommission", "--limit", "agent3")
    finally:
        subprocess.run([str(hosts.COMMAND), "restart", fleet, "agent3"], check=True)
    assert run.rc == 0, run.stdout + run.stderr
    assert "agent3 can't be reached, so nothing was removed from it" in run.stdout
    assert spiffe_id not in shell("server1", faults.AGENTS) + shell("server1", faults.ENTRIES)
    # The host is back, and the next run makes it a part of the fleet again.
    site_run.run("site").require()
    assert faults.own_id(shell, "agent3") in shell("server1", faults.ENTRIES)
    assert site_run.run("site").require().changed == {}
