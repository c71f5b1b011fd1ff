# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Services that do not start: the run ends soon, and its message has the end of the service's log."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.support import faults, site_run

BROKEN = "/var/lib/spire/server/main/broken.sqlite3"
#: SPIRE's validate does not open the database, so the server fails with it at its start
BROKEN_DATABASE = {
    "spire_new_authority": True,
    "spire_server_config__database": {
        "plugins": {"DataStore": {"sql": {"plugin_data": {"database_type": "sqlite3", "connection_string": BROKEN}}}},
    },
}


LOG = "/var/log/spire/spire.log"
RULE = "/etc/logrotate.d/spire-server-main"


@pytest.mark.parametrize("log_file", ["", LOG])
def test_a_change_of_a_running_server_that_does_not_start_is_taken_back(shell: Callable[..., str], log_file: str) -> None:
    """The message has the reason in SPIRE's words, wherever SPIRE writes its log, and the server runs as before."""
    config = shell("server1", f"echo no database >{BROKEN}; chown spire-server: {BROKEN}; cat /etc/spire/server/main.conf")
    log = {"spire_server_config__log": {"server": {"log_file": log_file}}} if log_file else {}
    run = site_run.run("site", "--diff", variables={**BROKEN_DATABASE, **log})
    assert set(run.failed) == {"server1"}
    message = run.failed["server1"]
    assert message.startswith("spire-server@main.service starts and dies, 2 times so far. The end of its log:\n"), message
    source = f"The end of its log {LOG}:\n" if log_file else "The end of its log:\n"
    assert "file is not a database" in message.partition(source)[2], message
    several = f"{RULE}, /etc/spire/server/main.conf, /etc/systemd/system/spire-server@main.service are"
    files = several if log_file else "/etc/spire/server/main.conf is"
    assert message.endswith(f"\nThe change was taken back: {files} as before, and the service runs again as it did before this run."), message
    assert shell("server1", "cat /etc/spire/server/main.conf") == config
    assert shell("server1", "systemctl is-active spire-server@main.service") == "active"
    assert "Server is healthy" in shell("server1", faults.cli("healthcheck").replace(" -output json", ""))
    assert shell("server1", f"rm {BROKEN}; ls -d /run/spire-fleet/*.kept {RULE} 2>/dev/null || true") == ""
    assert site_run.run("site").require().changed == {}


@pytest.mark.parametrize(("kind", "log_file"), [("unknown", ""), ("expired", ""), ("expired", LOG)])
def test_a_token_that_the_server_refuses(kind: str, log_file: str, shell: Callable[..., str]) -> None:
    """A token that the server refuses ends the run with a message. It comes from the variable, as the agent's server group does not exist."""
    token = "planted-token"
    if kind == "expired":
        token = json.loads(shell("server1", faults.cli("token generate -ttl 1")))["value"]
        time.sleep(2)
    given: dict[str, Any] = {
        "spire_server_group": "{{ 'spire_servers' if inventory_hostname == 'server1' else 'elsewhere' }}", "spire_join_token": token,
        "spire_trust_bundle": shell("server1", faults.cli("bundle show").replace("-output json", "")),
    }
    if log_file:
        given["spire_agent_config__log"] = {"agent": {"log_file": log_file}}
    shell("agent1", "systemctl stop spire-agent@main.service; rm -rf /var/lib/spire/agent/main")
    run = site_run.run("site", "--limit", "agent1", "--diff", "-vvvv", variables=given)
    message = run.failed["agent1"]
    assert message.startswith(
        "spire-agent@main.service was refused by its server: the join token is spent, expired or unknown. The end of its log:\n"
    ), message
    assert token not in run.stdout + run.stderr
    assert shell("agent1", "ls -d /run/spire-fleet/*.enrol 2>/dev/null || true") == ""
    site_run.run("site").require()
    assert site_run.run("site").require().changed == {}
