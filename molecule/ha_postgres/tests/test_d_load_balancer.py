# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The load balancer leads to a server that is dead: agents keep what they have, and verify says so before that ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.support import site_run
from tests.support.server_group import HAPROXY, problems

Shell = Callable[..., str]


@pytest.fixture(scope="module")
def astray(shell: Shell) -> Iterator[None]:
    """Has the load balancer send all agents to a port that nobody listens at, without checks that would notice it."""
    shell("lb1", "sed -i -E 's/^( +server .*):8081/\\1:9/; s/server check/server/' /etc/haproxy/haproxy.cfg && systemctl restart haproxy")
    yield
    assert set(site_run.run(HAPROXY).require().changed) == {"lb1"}
    assert site_run.run(HAPROXY).require().changed == {}
    assert set(site_run.run("site").require().changed) == {"agent3"}
    site_run.run("verify").require()


def test_verify_says_that_no_agent_reaches_a_server(astray: None, groups: dict[str, list[str]]) -> None:
    found = problems(site_run.run("verify"))
    assert [line.partition(" at lb1:8081: ")[0] for line in found] == [
        f"{agent} (agent): it does not reach a server" for agent in groups["spire_agents"]
    ], found


def test_site_says_it_of_an_agent_that_has_to_attest(astray: None, shell: Shell) -> None:
    assert site_run.run("site", "--limit", "agent3").require().changed == {}
    shell("agent3", "systemctl stop spire-agent@main.service && rm -rf /var/lib/spire/agent/main/*")
    run = site_run.run("site", "--limit", "agent3", variables={"spire_start_timeout": 8})
    assert run.rc != 0
    assert "it does not reach its server at lb1:8081" in run.failed["agent3"]
