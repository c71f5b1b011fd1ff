# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An agent that was down for longer than its identity lives is enrolled again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support import faults, site_run

SHORT = {"spire_server_config__short_lives": {"server": {"agent_ttl": "20s"}}}
WAIT = "until ! openssl x509 -checkend 0 -noout >/dev/null </root/own.pem; do sleep 1; done"


def pids(snapshot: dict[str, Any]) -> dict[str, str]:
    return {host: facts["MainPID"] for host, observed in snapshot.items() for facts in observed["services"].values()}


def test_an_expired_agent_is_enrolled_again(shell: Callable[..., str], take_snapshot: Callable[[], dict[str, Any]]) -> None:
    before = take_snapshot()
    # The agent gets an identity with a short life: the server's configuration changes, and the agent has lost its data.
    shell("agent1", "rm -rf /var/lib/spire/agent/main")
    run = site_run.run("site", variables=SHORT).require()
    assert run.differences("server1", "server") == [
        "file /etc/spire/server/main.conf",
        "spire-server@main.service must be restarted, because /etc/spire/server/main.conf changes",
    ]
    shortened = take_snapshot()
    assert {host for host, pid in pids(shortened).items() if pid != pids(before)[host]} == {"server1", "agent1"}

    old = faults.own_id(shell, "agent1")
    shell("agent1", "systemctl stop spire-agent@main.service")
    shell("agent1", faults.OWN_CERTIFICATE + " >/root/own.pem && " + WAIT)
    check = site_run.run("site", "--check", "--diff", variables=SHORT).require()
    assert check.differences("server1", "server") == []
    assert check.differences("agent1", "agent") == [
        "enrolment", "file /etc/spire/agent/main.bundle.pem", "spire-agent@main.service"
    ]
    assert "the agent has an identity that expired at 2" in check.shown("agent1", "agent")

    site_run.run("site").require()
    new = faults.own_id(shell, "agent1")
    assert new != old and new in shell("server1", faults.AGENTS)
    again = site_run.run("site").require()
    assert again.changed == {}
