# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server keeps its CA over restarts where its keys are on the disk, and makes a new one where they are in memory.

What an agent does whose keys are in memory is in the scenario attest.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.support import faults, site_run

Shell = Callable[..., str]
AGENTS = ("agent1", "agent2")
MEMORY = {"spire_server_config__memory": {"plugins": {"KeyManager": {"memory": {"plugin_data": {}}}}}}
RESTART = "systemctl restart spire-server@main.service"
ACTIVE = "systemctl is-active --quiet spire-agent@main.service"


def bundle(shell: Shell) -> list[str]:
    """Returns the X.509 authorities of the server's bundle."""
    return [one["asn1"] for one in json.loads(shell("server1", faults.cli("bundle show")))["x509_authorities"]]


def wait(shell: Shell, condition: str) -> None:
    """Waits until a shell command succeeds on every agent, for at most two minutes."""
    for agent in AGENTS:
        shell(agent, f"for turn in $(seq 240); do {condition} && exit 0; sleep 0.5; done; systemctl status spire-agent@main.service; exit 1")


def test_keys_on_the_disk_last(shell: Shell) -> None:
    before = bundle(shell)
    ids = [faults.own_id(shell, agent) for agent in AGENTS]
    shell("server1", RESTART)
    for agent in AGENTS:
        shell(agent, "systemctl restart spire-agent@main.service")
    assert bundle(shell) == before and len(before) == 1
    assert [faults.own_id(shell, agent) for agent in AGENTS] == ids
    assert site_run.run("site").require().changed == {}
    assert site_run.run("verify").require().failed == {}


@pytest.fixture(name="first", scope="module")
def fixture_first(shell: Shell) -> list[str]:
    """Returns the bundle that the server had before its keys were kept in memory."""
    return bundle(shell)


def test_keys_in_memory_are_warned_of_and_make_a_new_ca_at_each_restart(first: list[str], shell: Shell) -> None:
    run = site_run.run("site", "--limit", "server1", variables=MEMORY).require()
    warnings = " ".join(" ".join(str(task.result.get("warnings", "")) for task in run.tasks).split())
    assert (
        "Keys in memory are lost at every restart. The server then creates a new CA, which nobody trusts who has only the old trust bundle. Use a "
        "KeyManager that stores keys, such as disk."
    ) in warnings
    second = bundle(shell)
    # The old CA stays in the bundle until it expires, so that its SVIDs can still be verified.
    assert len(second) == 2 and set(first) < set(second)
    assert site_run.run("site", "--limit", "server1", variables=MEMORY).require().changed == {}
    shell("server1", RESTART)
    assert len(bundle(shell)) == 3 and set(second) < set(bundle(shell))


def test_verify_tells_that_the_agents_are_cut_off(first: list[str], shell: Shell) -> None:
    """The agents have only the first CA in their bundles. From 1.13 on SPIRE ends an agent that can't verify its server."""
    wait(shell, f"! {ACTIVE}")
    log = shell("agent2", "journalctl --unit spire-agent@main.service --output cat")
    assert "x509: certificate signed by unknown authority" in log
    run = site_run.run("verify", variables=MEMORY)
    assert "2 of 3 servers and agents are not as they should be." in str(run.failed)


def test_the_first_ca_comes_back_with_its_key(first: list[str], shell: Shell) -> None:
    """The file with the keys is still there, so the agents need nothing but the old setting."""
    site_run.run("site", "--limit", "server1").require()
    assert set(first) < set(bundle(shell))
    wait(shell, ACTIVE)
    assert site_run.run("site").require().changed == {}
    assert site_run.run("verify").require().failed == {}
