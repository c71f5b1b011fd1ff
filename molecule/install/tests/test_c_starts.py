# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Services that do not start: the run ends soon, and its message has the end of the service's log."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from tests.support import faults, site_run

NO_DATABASE = {
    "spire_server_config__database": {
        "plugins": {
            "DataStore": {
                "sql": {
                    "plugin_data": {
                        "database_type": "postgres",
                        "connection_string": "host=127.0.0.1 port=1 user=spire password=planted-password dbname=spire sslmode=disable",
                    }
                }
            }
        }
    }
}


def test_a_server_that_starts_and_dies(shell: Callable[..., str]) -> None:
    run = site_run.run("site", "--diff", variables=NO_DATABASE)
    assert set(run.failed) == {"server1"}
    message = run.failed["server1"]
    assert message.startswith("spire-server@main.service starts and dies, 2 times so far. The end of its log:\n"), message
    assert "connection refused" in message
    assert "planted-password" not in run.stdout + run.stderr
    site_run.run("site").require()
    assert site_run.run("site").require().changed == {}


@pytest.mark.parametrize("kind", ["unknown", "expired"])
def test_a_token_that_the_server_refuses(kind: str, shell: Callable[..., str]) -> None:
    """A token that the server refuses ends the run with a message. It comes from the variable, as the agent's server group does not exist."""
    token = "planted-token"
    if kind == "expired":
        token = json.loads(shell("server1", faults.cli("token generate -ttl 1")))["value"]
        time.sleep(2)
    given = {
        "spire_server_group": "{{ 'spire_servers' if inventory_hostname == 'server1' else 'elsewhere' }}", "spire_join_token": token,
        "spire_trust_bundle": shell("server1", faults.cli("bundle show").replace("-output json", "")),
    }
    shell("agent1", "systemctl stop spire-agent@main.service; rm -rf /var/lib/spire/agent/main")
    run = site_run.run("site", "--limit", "agent1", "--diff", "-vvvv", variables=given)
    message = run.failed["agent1"]
    assert message.startswith(
        "spire-agent@main.service was refused by its server: the join token is spent, expired or unknown. The end of its log:\n"
    ), message
    assert token not in run.stdout + run.stderr
    assert shell("agent1", "ls -A /run/spire/agent/enrol") == ""
    site_run.run("site").require()
    assert site_run.run("site").require().changed == {}
