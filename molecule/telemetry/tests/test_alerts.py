# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each alert fires by the condition that it is for. The Prometheus of these tests does not wait for the time that a rule says (`for`)."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

import pytest
import yaml

from tests.support import faults, site_run
from tests.support.prometheus_api import MONITOR, Prometheus, until

#: attests to the server with a token that it does not know, until it is ended
STRANGER = """timeout 12 $(readlink /proc/$(systemctl show --property=MainPID --value spire-agent@main)/exe) run -config /dev/null \
  -dataDir /tmp/stranger -joinToken unknown -serverAddress server1 -serverPort 8081 -trustDomain telemetry.test \
  -trustBundle /etc/spire/agent/main.bundle.pem -socketPath /tmp/stranger/api.sock"""
#: keeps SQLite's database locked for some seconds, while others want to write to it
SLOW = """python3 - <<'END' &
import sqlite3, time
locked = sqlite3.connect("/var/lib/spire/server/main/datastore.sqlite3", isolation_level=None)
locked.execute("BEGIN EXCLUSIVE")
time.sleep(4)
locked.execute("COMMIT")
END
sleep 0.5
for one in 1 2 3 4 5 6 7 8; do {token} >/dev/null & done
wait"""


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

    federation = "federation {} -trustDomain nowhere.test"
    # The server can't write its key file any more, so it prepares no new CA.
    shell("edge1", "chown root:root /var/lib/spire/server/main")
    started = time.monotonic()
    shell("server1", faults.cli(
        "federation create -trustDomain nowhere.test -bundleEndpointURL https://nowhere.invalid -bundleEndpointProfile https_web"
    ))
    shell("agent1", "mkdir -p /tmp/stranger")
    shell("agent1", f"({STRANGER}) >/dev/null 2>&1; test $? != 127")
    wait(("SpireAgentsDoNotAttest", "server1"))
    shell("agent2", "systemctl stop spire-agent@main")
    wait(("SpireAgentDown", "agent2"))
    shell("agent2", "systemctl start spire-agent@main")
    token = faults.cli("token generate")
    for _turn in range(3):
        shell("server1", SLOW.format(token=token))
        found.update(fast.firing())
    wait(("SpireDatastoreSlow", "server1"), ("SpireBundleRefreshFails", "server1"), seconds=90)
    shell("server1", "systemctl stop spire-server@main")
    wait(("SpireServerDown", "server1"), ("SpireAgentDoesNotSync", "agent1"))
    shell("server1", "systemctl start spire-server@main")
    wait(("SpireCaNotPrepared", "edge1"), ("SpireCaNearEnd", "edge1"), seconds=max(1, 150 - (time.monotonic() - started)))
    yield found
    shell("edge1", "chown spire-server:spire-server /var/lib/spire/server/main")
    shell("server1", faults.cli(federation.format("delete").replace("-trustDomain", "-id")))
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
    site_run.run("verify").require()
    assert site_run.run("site").require().changed == {}
