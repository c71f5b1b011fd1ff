# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each alert fires by the condition that it is for. The Prometheus of these tests does not wait for the time that a rule says (`for`)."""

from __future__ import annotations

import contextlib
import shlex
import time
from collections.abc import Callable, Iterator

import pytest
import yaml

from tests.support import faults, site_run
from tests.support.prometheus_api import MONITOR, Prometheus, until

#: attests to the server again and again, with a token that it does not know
STRANGER = """mkdir -p /tmp/stranger && cat > /tmp/stranger/agent.conf <<'END'
agent {
  server_address = "server1" server_port = 8081 trust_domain = "telemetry.test" trust_bundle_path = "/etc/spire/agent/main.bundle.pem"
  data_dir = "/tmp/stranger" socket_path = "/tmp/stranger/api.sock" join_token = "unknown"
}
plugins { KeyManager "memory" { plugin_data {} } NodeAttestor "join_token" { plugin_data {} } WorkloadAttestor "unix" { plugin_data {} } }
END
timeout 15 $(readlink /proc/$(systemctl show --property=MainPID --value spire-agent@main)/exe) run -config /tmp/stranger/agent.conf > /tmp/stranger/log 2>&1
grep -c "join token does not exist" /tmp/stranger/log"""
#: keeps SQLite's database locked for some seconds, while tokens are to be written to it; its argument is the command that makes one
SLOW = """
import sqlite3, subprocess, sys, time
locked = sqlite3.connect("/var/lib/spire/server/main/datastore.sqlite3", isolation_level=None)
locked.execute("BEGIN EXCLUSIVE")
waiting = [subprocess.Popen(["sh", "-c", sys.argv[1]], stdout=subprocess.DEVNULL) for _one in range(8)]
time.sleep(4)
locked.execute("COMMIT")
assert [one.wait() for one in waiting] == [0] * 8
"""


@pytest.fixture(scope="module")
def seen(fast: Prometheus, shell: Callable[..., str]) -> Iterator[set[tuple[str, str]]]:
    """Makes every condition, and returns the alerts that fired; removes the conditions."""
    assert fast.firing() == set()
    found: set[tuple[str, str]] = set()

    def wait(*alerts: tuple[str, str], seconds: float = 60) -> None:
        def all_fire() -> bool:
            found.update(fast.firing())
            return found >= set(alerts)

        with contextlib.suppress(AssertionError):  # the tests say which one is missing
            until(all_fire, seconds)

    # The server can't write its key file any more, so it prepares no new CA.
    shell("edge1", "chown root:root /var/lib/spire/server/main")
    started = time.monotonic()
    shell("server1", faults.cli(
        "federation create -trustDomain nowhere.test -bundleEndpointURL https://nowhere.invalid -bundleEndpointProfile https_web"
    ))
    assert int(shell("agent1", STRANGER)) > 1
    wait(("SpireAgentsDoNotAttest", "server1"))
    shell("agent2", "systemctl stop spire-agent@main")
    wait(("SpireAgentDown", "agent2"))
    shell("agent2", "systemctl start spire-agent@main")
    for _turn in range(5):
        shell("server1", f"python3 - {shlex.quote(faults.cli('token generate'))}", given=SLOW)
        found.update(fast.firing())
    wait(("SpireDatastoreSlow", "server1"), ("SpireBundleRefreshFails", "server1"), seconds=90)
    shell("server1", "systemctl stop spire-server@main")
    wait(("SpireServerDown", "server1"), ("SpireAgentDoesNotSync", "agent1"))
    shell("server1", "systemctl start spire-server@main")
    wait(("SpireCaNotPrepared", "edge1"), ("SpireCaNearEnd", "edge1"), seconds=max(1, 150 - (time.monotonic() - started)))
    yield found
    shell("edge1", "chown spire-server:spire-server /var/lib/spire/server/main")
    shell("server1", faults.cli("federation delete -id nowhere.test"))
    shell("agent1", "rm -rf /tmp/stranger")


@pytest.mark.parametrize(("alert", "host"), [
    ("SpireServerDown", "server1"),
    ("SpireAgentDown", "agent2"),
    ("SpireCaNearEnd", "edge1"),
    ("SpireCaNotPrepared", "edge1"),
    ("SpireAgentsDoNotAttest", "server1"),
    ("SpireAgentDoesNotSync", "agent1"),
    ("SpireBundleRefreshFails", "server1"),
    ("SpireDatastoreSlow", "server1"),
])
def test_an_alert_fires_by_its_condition(seen: set[tuple[str, str]], alert: str, host: str) -> None:
    assert (alert, host) in seen, sorted(seen)


def test_every_alert_has_a_condition(seen: set[tuple[str, str]], shell: Callable[..., str]) -> None:
    rules = yaml.safe_load(shell(MONITOR, "cat /etc/prometheus/spire.rules.yml"))["groups"][0]["rules"]
    assert {rule["alert"] for rule in rules} == {alert for alert, _host in seen}


def test_the_fleet_recovers(seen: set[tuple[str, str]]) -> None:
    site_run.run("site").require()

    def verified() -> bool:
        return site_run.run("verify").rc == 0

    # An agent that found no server waits for up to a minute before it asks again, and edge1's server prepares its next CA after some seconds.
    with contextlib.suppress(AssertionError):  # verify itself says what is wrong
        until(verified, 150)
    site_run.run("verify").require()
