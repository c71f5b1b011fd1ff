# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Agents work although their server is in none of the groups that they name."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from testinfra.host import Host

from tests.support import site_run

PROGRAMS = f"/opt/spire-src/{os.environ['SPIRE_TEST_VERSION']}/bin"
SOCKET = "/run/spire/server/sockets/main/private/api.sock"


@pytest.fixture(scope="module")
def attested(fleet_host: Callable[[str], Host]) -> list[str]:
    """Returns the SPIFFE IDs of the agents that the server knows."""
    answer = json.loads(fleet_host("server1").check_output(f"{PROGRAMS}/spire-server agent list -socketPath {SOCKET} -output json"))
    return [f"spiffe://{agent['id']['trust_domain']}{agent['id']['path']}" for agent in answer["agents"]]


def test_the_agent_with_a_token_joined_by_it(attested: list[str]) -> None:
    token = (Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "token").read_text().strip()
    assert f"spiffe://external.test/spire/agent/join_token/{token}" in attested


def test_the_agent_with_a_certificate_joined_by_it(attested: list[str]) -> None:
    assert [spiffe_id for spiffe_id in attested if "/x509pop/" in spiffe_id]


def test_two_agents_joined(attested: list[str]) -> None:
    assert len(attested) == 2


def test_agents_are_healthy(each_spire_agents: Host) -> None:
    each_spire_agents.check_output(
        f"{PROGRAMS}/spire-agent healthcheck -socketPath /run/spire/agent/sockets/main/public/api.sock"
    )


def test_nothing_of_the_enrolment_is_left(each_spire_agents: Host) -> None:
    assert not each_spire_agents.file("/run/spire-fleet/agent-main.enrol").exists


def test_verify_passes(groups: dict[str, list[str]]) -> None:
    """verify passes, although it can't ask an external server for its agents and there is no canary whose SVID it could fetch."""
    run = site_run.run("verify").require()
    assert run.changed == {}
    (report,) = run.of("server1", site_run.REPORT)
    agents = {one["host"]: one for one in report["fleet"] if one["component"] == "agent"}
    assert set(agents) == set(groups["spire_agents"])
    assert all(one["spiffe_id"].startswith("spiffe://external.test/spire/agent/") and not one["svid"] for one in agents.values())


def test_a_key_of_another_certificate_is_refused_and_the_agent_keeps_running(fleet_host: Callable[[str], Host]) -> None:
    """The drift check finds the wrong key before the agent's next start would, and no part of a key is printed."""
    host = fleet_host("pop1")
    before = host.check_output("systemctl show -P MainPID spire-agent@main")
    host.check_output("cp -p /etc/pop.key /etc/pop.key.kept && openssl ecparam -name prime256v1 -genkey -noout > /etc/pop.key")
    try:
        run = site_run.run("site", "--limit", "pop1")
        assert "private_key_path: The key in /etc/pop.key and the first certificate in /etc/pop.pem don't belong together" in run.failed["pop1"]
        assert run.rc != 0 and run.changed == {} and not run.acted("pop1")
        host.check_output("chmod 0600 /etc/pop.key && chgrp root /etc/pop.key")
        verified = "\n".join(site_run.run("verify").failed.values())
        assert "private_key_path: spire-agent can't read /etc/pop.key (mode 0600, owner root, group root)" in verified
        assert host.check_output("systemctl show -P MainPID spire-agent@main") == before
    finally:
        host.check_output("mv /etc/pop.key.kept /etc/pop.key")
    assert site_run.run("site", "--limit", "pop1").require().changed == {}
