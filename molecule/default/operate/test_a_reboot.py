# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server and an agent are rebooted, and both work again without a run."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

from tests.support import faults, hosts, site_run


def test_a_fleet_comes_back_by_itself(shell: Callable[..., str], groups: dict[str, list[str]]) -> None:
    before = {agent: faults.own_id(shell, agent) for agent in groups["spire_agents"]}
    fleet = hosts.scenario_fleet()
    subprocess.run([str(hosts.COMMAND), "restart", fleet, "server1", "agent2"], check=True)
    # A host is up when systemd has started all units, and SPIRE's units count as started only when they are healthy.
    assert shell("server1", "systemctl is-active spire-server@main.service") == "active"
    assert shell("agent2", "systemctl is-active spire-agent@main.service") == "active"
    run = site_run.run("site", "--check", "--diff").require()
    assert run.changed == {}
    assert {agent: faults.own_id(shell, agent) for agent in groups["spire_agents"]} == before
