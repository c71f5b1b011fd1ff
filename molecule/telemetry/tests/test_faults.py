# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A port of metrics that is taken, an address that the host does not have, and sinks that are not found: SPIRE starts in most of these cases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support import site_run
from tests.support.prometheus_api import Prometheus, until

UNIT = "spire-agent@main.service"
PROCESS = f"systemctl show --property=MainPID --value {UNIT}"
FILES = "find /etc/spire -type f -exec sha256sum {} + | sort"
TAKEN = (
    "port {port} is in use by another process (ss -ltnp 'sport = :{port}' names it). Stop it, or choose another port in spire_agent_config."
)
BACK = "The change was taken back: /etc/spire/agent/main.conf is as before, and the service runs again as it did before this run."


def telemetry(**options: Any) -> dict[str, Any]:
    return {"spire_agent_config__tried": {"telemetry": options}}


def site(variables: dict[str, Any] | None = None, *options: str) -> site_run.Run:
    return site_run.run("site", "--limit", "agent1", *options, variables=variables)


@pytest.fixture
def thief(shell: Callable[..., str]) -> Iterator[Callable[[int], None]]:
    """`thief(9997)` lets another program listen on a port of agent1 until the test ends."""
    shell("agent1", "systemctl reset-failed thief 2>/dev/null || true")
    yield lambda port: shell("agent1", f"systemd-run --unit=thief python3 -m http.server {port}; until ss -ltn | grep -q :{port}; do sleep 0.1; done")
    shell("agent1", "systemctl stop thief || true")


def test_a_port_that_is_taken_is_named_before_anything_changes(thief: Callable[[int], None], shell: Callable[..., str]) -> None:
    before = shell("agent1", PROCESS), shell("agent1", FILES)
    thief(9997)
    run = site(telemetry(Prometheus={"port": 9997}))
    assert run.failed == {"agent1": f"agent1: {TAKEN.format(port=9997)}"}
    assert (shell("agent1", PROCESS), shell("agent1", FILES)) == before


def test_an_address_that_the_host_does_not_have_is_taken_back(prometheus: Prometheus, shell: Callable[..., str]) -> None:
    before = shell("agent1", FILES)
    run = site(telemetry(Prometheus={"host": "192.0.2.7"}))
    assert run.failed["agent1"].startswith(
        f"{UNIT} is healthy, but does not listen on port 9988 (telemetry.Prometheus.port), as its log explains. The end of its log:\n"
    )
    assert "Prometheus listener stopped unexpectedly: listen tcp 192.0.2.7:9988: bind: cannot assign requested address" in run.failed["agent1"]
    assert run.failed["agent1"].endswith(BACK)
    assert shell("agent1", FILES) == before
    until(lambda: not prometheus.down(), 60, every=3)


def test_a_process_that_runs_without_its_metrics_differs(thief: Callable[[int], None], shell: Callable[..., str]) -> None:
    shell("agent1", f"systemctl stop {UNIT}")
    thief(9988)
    shell("agent1", f"systemctl start {UNIT}")
    # The agent is healthy as far as SPIRE and systemd are concerned.
    assert shell("agent1", f"systemctl is-active {UNIT}") == "active"
    assert site(None, "--check").failed == {"agent1": f"agent1: {TAKEN.format(port=9988)}"}
    shell("agent1", "systemctl stop thief")
    missing = [f"{UNIT} does not listen on port 9988 (telemetry.Prometheus.port)"]
    assert site(None, "--check").require().differences("agent1", "agent") == missing
    repaired = site().require()
    assert repaired.differences("agent1", "agent") == missing and repaired.acted("agent1")


@pytest.mark.parametrize(("sink", "block"), [("DogStatsd", {}), ("M3", {"env": "test"})])
def test_a_sink_without_which_spire_does_not_start_is_taken_back(sink: str, block: dict[str, str], shell: Callable[..., str]) -> None:
    before = shell("agent1", FILES)
    run = site(telemetry(**{sink: [{"address": "nowhere.invalid:8125", **block}]}))
    assert run.failed["agent1"].startswith(f"{UNIT} starts and dies, 2 times so far. The end of its log:\n")
    assert "lookup nowhere.invalid" in run.failed["agent1"] and "no such host" in run.failed["agent1"]
    assert run.failed["agent1"].endswith(BACK)
    assert shell("agent1", FILES) == before


def test_a_statsd_sink_that_is_not_found_is_a_warning(prometheus: Prometheus, shell: Callable[..., str]) -> None:
    sinks = [{"address": "monitor1:8125"}, {"address": "nowhere.invalid:8125"}]
    run = site(telemetry(Statsd=sinks)).require()
    warning = "The name nowhere.invalid of telemetry.Statsd[1].address is not found on this host: "
    assert warning in run.stdout + run.stderr
    assert "monitor1 of telemetry" not in run.stdout + run.stderr
    # The other sinks go on.
    until(lambda: shell("monitor1", "grep -c $(printf spire_agent | od -An -tx1 | tr -d ' ') /var/lib/received/8125"), 20)
    until(lambda: not prometheus.down(), 60, every=3)
    # Nothing of all this is left.
    site().require()
    assert site().require().changed == {}
