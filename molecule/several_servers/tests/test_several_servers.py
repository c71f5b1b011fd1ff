# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No server of a group is special: with the first one off, agents, entries and tokens go through the second."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import faults, site_run

FLEET = Path(__file__).resolve().parents[3] / "tests" / "hosts" / "fleet"
NAME = f"spire-fleet-{os.environ['MOLECULE_SCENARIO_NAME']}"
MORE = {"spire_entries": [
    {"spiffe_id": path, "parent_id": "/fleet/spire_agents", "selectors": ["unix:uid:1"]} for path in ("/everywhere", "/more")
]}


def test_both_servers_have_one_datastore(shell: Callable[..., str]) -> None:
    entries = {server: sorted(shell(server, faults.ENTRIES).splitlines()) for server in ("server1", "server2")}
    assert entries["server1"] == entries["server2"] != []
    site_run.run("verify").require()


@pytest.fixture(scope="module")
def dead() -> Iterator[str]:
    """Switches the first server off, and on again at the end."""
    subprocess.run(["podman", "kill", f"{NAME}-server1"], check=True, stdout=subprocess.DEVNULL)
    yield "server1"
    subprocess.run([str(FLEET), "restart", NAME, "server1"], check=True)
    site_run.run("site").require()
    assert site_run.run("site").require().changed == {}


def test_site_does_the_rest_and_fails(dead: str, shell: Callable[..., str]) -> None:
    shell("agent2", "systemctl stop spire-agent@main.service && rm -rf /var/lib/spire/agent/main/*")
    run = site_run.run("site", variables=MORE)
    assert run.rc != 0
    assert set(run.failed) == {dead}
    assert f"{dead} can't be reached, so nothing was changed on it: " in run.failed[dead]
    assert faults.own_id(shell, "agent2") in shell("server2", faults.AGENTS)
    assert "/more" in shell("server2", faults.cli("entry show"))
    again = site_run.run("site", variables=MORE)
    assert set(again.failed) == {dead} and again.changed == {}


@pytest.mark.parametrize("options", [("--limit", "agent1"), ("--tags", "entries"), ("--tags", "agents"), ("--limit", "spire_agents,server2")])
def test_parts_of_a_run_need_no_dead_server(dead: str, options: tuple[str, ...]) -> None:
    # The question whether the dead server answers fails, and is ignored.
    run = site_run.run("site", *options, variables=MORE).require()
    assert run.changed == {}
    assert "does not answer" not in run.stdout


def test_verify_names_the_dead_server_alone(dead: str) -> None:
    run = site_run.run("verify", variables=MORE)
    (message,) = run.failed.values()
    assert [line for line in message.splitlines() if line.startswith(f"{dead} (server): unreachable")]
    assert not [line for line in message.splitlines() if line.startswith(("agent1 (", "agent2 (", "server2 ("))]


def test_an_agent_is_decommissioned_through_the_other_server(dead: str, shell: Callable[..., str]) -> None:
    spiffe_id = faults.own_id(shell, "agent2")
    site_run.run("decommission", "--limit", "agent2", variables=MORE).require()
    assert spiffe_id not in shell("server2", faults.AGENTS) + shell("server2", faults.ENTRIES)
