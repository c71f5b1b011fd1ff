# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server is killed under load, is away for a while, and is replaced by a fresh host. No server of a group is special: this one is the first."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support import faults, hosts, site_run
from tests.support.server_group import Load, container, problems

Shell = Callable[..., str]
MORE = {"spire_entries": [
    {"spiffe_id": path, "parent_id": "/fleet/spire_agents", "selectors": ["unix:uid:1"]} for path in ("/everywhere", "/more")
]}
LEFT = ("server2", "server3")
KINDS = ("x509", "jwt")
#: prints the servers that the load balancer sends nobody to
DOWN = """python3 -c '
import socket
client = socket.socket(socket.AF_UNIX)
client.connect("/run/haproxy/admin.sock")
client.sendall(b"show stat\\n")
rows = [line.split(",") for line in client.makefile().read().splitlines() if line.startswith("spire_servers,server")]
print(" ".join(row[1] for row in rows if not row[17].startswith("UP")))'"""


def down(shell: Shell, wanted: str) -> bool:
    """Waits until the load balancer sends nobody to exactly these servers."""
    end = time.monotonic() + 15
    while shell("lb1", DOWN) != wanted and time.monotonic() < end:
        time.sleep(0.2)
    return shell("lb1", DOWN) == wanted


def bundle(shell: Shell) -> dict[str, int]:
    """Returns how many keys of each kind the trust bundle holds."""
    shown = json.loads(shell("server2", faults.cli("bundle show")))
    return {kind: len(shown[f"{kind}_authorities"]) for kind in KINDS}


@pytest.fixture(scope="module")
def before(shell: Shell, known: Callable[[str], Any], authorities: Callable[[str, str], str]) -> dict[str, Any]:
    """What there was before: what the datastore holds, and the keys that the servers sign with."""
    return {"known": known("server1"), "bundle": bundle(shell), **{kind: authorities("server1", kind) for kind in KINDS}}


@pytest.fixture(scope="module")
def killed(before: dict[str, Any], shell: Shell, wait_healthy: Callable[..., None]) -> Iterator[Load]:
    """Kills, while all servers create entries and agents attest, first the process of server2 and then the host of server1."""
    load = Load(shell)
    load.start(("server1", *LEFT), ("agent1", "agent3"))
    time.sleep(4)
    shell("server2", "kill -9 $(systemctl show --property=MainPID --value spire-server@main.service)")
    time.sleep(1)
    wait_healthy("server2")
    errors = {host: len(load.errors[host]) for host in LEFT}
    hosts.podman("kill", container("server1"))
    since = time.monotonic()
    assert down(shell, "server1")
    while time.monotonic() < since + 20 and not all(any(at > since for at in load.attested.get(one, ())) for one in ("agent1", "agent3")):
        time.sleep(0.5)
    load.stop()
    assert all(any(at > since for at in load.attested[one]) for one in ("agent1", "agent3")), load.errors
    # The other servers went on as if nothing had happened.
    assert {host: len(load.errors[host]) for host in LEFT} == errors, load.errors
    yield load


def test_nothing_that_a_server_has_accepted_is_lost(killed: Load, before: dict[str, Any], known: Callable[[str], Any]) -> None:
    found = known("server2")
    assert all(len(killed.created[server]) > 3 for server in ("server1", *LEFT)), killed.created
    assert before["known"].entries | killed.all_created() <= found.entries
    assert before["known"].agents == found.agents
    assert found == known("server3")


def test_site_does_the_rest_and_fails(killed: Load, shell: Shell) -> None:
    shell("agent2", "systemctl stop spire-agent@main.service && rm -rf /var/lib/spire/agent/main/*")
    run = site_run.run("site", variables=MORE)
    assert run.rc != 0
    assert set(run.failed) == {"server1"}
    assert "server1 can't be reached, so nothing was changed on it: " in run.failed["server1"]
    assert faults.own_id(shell, "agent2") in shell("server2", faults.AGENTS)
    assert "/more" in shell("server2", faults.cli("entry show"))
    again = site_run.run("site", variables=MORE)
    assert set(again.failed) == {"server1"} and again.changed == {}


def test_a_run_that_leaves_the_dead_server_out_succeeds(killed: Load) -> None:
    # The question whether the dead server answers fails, and is ignored.
    run = site_run.run("site", "--limit", "!server1", variables=MORE).require()
    assert run.changed == {}
    assert "does not answer" not in run.stdout


def test_verify_names_the_dead_server_alone(killed: Load) -> None:
    (problem,) = problems(site_run.run("verify", variables=MORE))
    assert problem.startswith("server1 (server): unreachable: ")


def test_an_agent_is_decommissioned_through_another_server(killed: Load, shell: Shell) -> None:
    spiffe_id = faults.own_id(shell, "agent2")
    site_run.run("decommission", "--limit", "agent2", variables=MORE).require()
    assert spiffe_id not in shell("server2", faults.AGENTS) + shell("server2", faults.ENTRIES)


def test_a_fresh_host_takes_the_place_of_the_dead_one(
    killed: Load, before: dict[str, Any], shell: Shell, known: Callable[[str], Any], authorities: Callable[[str, str], str]
) -> None:
    subprocess.run([str(hosts.COMMAND), "up", hosts.scenario_fleet(), "server1"], check=True, stdout=subprocess.DEVNULL)
    shell("server1", "test ! -e /etc/spire && test ! -e /var/lib/spire")
    there = known("server2")
    site_run.run("site", "--limit", "server1", variables=MORE).require()
    assert known("server1") == known("server2") == there
    # It has keys of its own, and the bundle still has those of the host that is gone.
    assert bundle(shell) == {kind: count + 1 for kind, count in before["bundle"].items()}
    for kind in KINDS:
        assert authorities("server1", kind) not in (before[kind], *(authorities(server, kind) for server in LEFT))
    assert down(shell, "")
    # agent2 comes back, and the entry that nobody wants any more goes.
    assert "agent2" in site_run.run("site").require().changed
    assert site_run.run("site").require().changed == {}
    site_run.run("verify").require()
    # The datastore keeps an agent's former SPIFFE ID until somebody evicts it.
    assert known("server1").agents == before["known"].agents | {faults.own_id(shell, "agent2")}
    assert "/more" not in shell("server1", faults.cli("entry show"))
