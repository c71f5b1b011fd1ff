# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Operates a fleet of several tiers: a reboot, runs with --limit, a nested server that is decommissioned and installed again."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

from tests.support import faults, hosts, site_run

Shell = Callable[..., str]
DOWNSTREAM = faults.cli("entry show -downstream")
AGENTS = ("hub1", "edge1", "leaf1")


def test_machines_with_server_and_agent_are_rebooted(shell: Shell) -> None:
    before = {host: faults.own_id(shell, host) for host in AGENTS}
    fleet = hosts.scenario_fleet()
    subprocess.run([str(hosts.COMMAND), "restart", fleet, "hub1", "edge1"], check=True)
    for host in ("hub1", "edge1"):
        assert shell(host, "systemctl is-active spire-agent@main.service spire-server@main.service") == "active\nactive"
        times = shell(host, "for unit in agent server; do systemctl show --property=ActiveEnterTimestampMonotonic --value "
                            "spire-$unit@main.service; done").split()
        assert int(times[0]) <= int(times[1]), f"{host}: the server started before its agent"
    assert site_run.run("site", "--check", "--diff").require().changed == {}
    assert {host: faults.own_id(shell, host) for host in AGENTS} == before


def test_verify_passes() -> None:
    run = site_run.run("verify").require()
    (report,) = (task.result for task in run.named(site_run.REPORT))
    assert sorted((one["host"], one["component"]) for one in report["fleet"]) == [
        ("edge1", "server"), ("edge1-agent", "agent"), ("hub1", "agent"), ("hub1", "server"), ("leaf1", "agent"), ("root1", "server"),
    ]
    assert run.changed == {}


def test_a_nested_server_is_decommissioned_with_its_entry(shell: Shell) -> None:
    agent = faults.own_id(shell, "edge1")
    purge = {"spire_decommission_purge": True}
    assert set(site_run.run("decommission", "--limit", "edge1", variables=purge).require().changed) == {"edge1"}
    assert json.loads(shell("hub1", DOWNSTREAM))["entries"] == []
    assert shell("edge1", "ls /etc/spire/server /var/lib/spire/server") == "/etc/spire/server:\n\n/var/lib/spire/server:"
    assert faults.own_id(shell, "edge1") == agent and agent in shell("hub1", faults.AGENTS)


def test_it_can_not_be_installed_without_its_agent(shell: Shell) -> None:
    """A run without its agent can't install a nested server: the entry that lets it have a CA signed needs the agent's identity."""
    run = site_run.run("site", "--limit", "edge1", variables={"spire_start_timeout": 15})
    assert run.rc != 0
    assert "no identity issued" in run.failed["edge1"]


def test_it_is_installed_again_with_its_agent(shell: Shell) -> None:
    assert set(site_run.run("site", "--limit", "edge1,edge1-agent").require().changed) == {"edge1", "edge1-agent"}
    assert len(json.loads(shell("hub1", DOWNSTREAM))["entries"]) == 1
    assert site_run.run("site").require().failed == {}
    assert site_run.run("verify").require().failed == {}
