# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Statsd, DogStatsD and M3 receive what SPIRE sends, and the signal SIGUSR1 prints the metrics that are in memory."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

#: name:value|type, and in DogStatsD |#label:value,...
LINE = re.compile(r"(?P<name>[\w.-]+):(?P<value>-?[0-9.]+(?:e[+-]?[0-9]+)?)\|(?P<kind>c|g|ms)(?:\|#(?P<tags>.*))?")
Received = Callable[[int], "list[bytes]"]


def metrics(datagrams: list[bytes]) -> dict[str, tuple[str, set[str]]]:
    """Returns the type and the tags of each metric by its name; every line must have the form of Statsd or DogStatsD."""
    found = {}
    for line in b"\n".join(datagrams).decode().splitlines():
        if line:
            match = LINE.fullmatch(line)
            assert match, line
            found[match["name"]] = (match["kind"], set((match["tags"] or "").split(",")) - {""})
    return found


@pytest.mark.parametrize("port", [8125, 8126])
def test_each_statsd_sink_receives_every_kind_of_metric(received: Received, port: int) -> None:
    found = metrics(received(port))
    # Statsd has no labels, so their values are parts of the name: the host's name, which SPIRE adds, and the status of a call.
    assert found["spire_server.datastore.bundle.fetch.OK.server1"] == ("c", set())
    assert found["spire_server.datastore.bundle.fetch.elapsed_time.OK.server1"] == ("ms", set())
    assert found["spire_server.uptime_in_ms.server1"] == ("g", set())


@pytest.mark.parametrize("port", [8127, 8128])
def test_each_dogstatsd_sink_receives_every_kind_of_metric_with_tags(received: Received, port: int) -> None:
    found = metrics(received(port))
    assert found["spire_server.datastore.bundle.fetch"] == ("c", {"status:OK", "host:server1"})
    assert found["spire_server.datastore.bundle.fetch.elapsed_time"] == ("ms", {"status:OK", "host:server1"})
    assert found["spire_server.uptime_in_ms"] == ("g", {"host:server1"})


def test_m3_receives_metrics_with_the_tags_of_service_and_environment(received: Received) -> None:
    server, agent = received(9052), received(9053)
    # Thrift's compact protocol: its number, version 1 and the type one-way, the number of the message, and the name of the call. Each batch has
    # tags for all its metrics, in no fixed order.
    assert all(re.match(rb"\x82\x81.{1,3}\x11emitMetricBatchV2", one, re.DOTALL) for one in server + agent)
    assert all(b"\x18\x07service\x18\x0cspire_server" in one and b"\x18\x03env\x18\x04test" in one for one in server)
    assert all(b"\x18\x07service\x18\x0bspire_agent" in one and b"\x18\x03env\x18\x04edge" in one for one in agent)
    sent = b"".join(server)
    assert b"datastore_bundle_fetch" in sent and b"uptime_in_ms" in sent and b"\x18\x06status\x18\x02OK" in sent
    # MetricPrefix changes nothing here, because the name of the service is a tag.
    sent = b"".join(agent)
    assert b"manager_sync_fetch_entries_updates" in sent and b"fleet_agent" not in sent
    assert b"\x18\x0ctrust_domain\x18\x0etelemetry_test" in sent
    # With M3, BlockedPrefixes must name the type as well: fleet_agent.gauge.runtime.
    assert b"runtime_alloc_bytes" in sent


@pytest.mark.parametrize(("host", "unit", "name"), [
    ("server1", "spire-server@main", "spire_server.datastore.bundle.fetch"),
    ("agent1", "spire-agent@main", "spire_agent.manager.sync.fetch_entries_updates"),
])
def test_a_signal_prints_the_metrics_that_are_in_memory(shell: Callable[..., str], host: str, unit: str, name: str) -> None:
    pid = f"systemctl show --property=MainPID --value {unit}"
    before = shell(host, pid)
    shell(host, f"systemctl kill --signal=USR1 {unit} && sleep 1")
    printed = shell(host, f"journalctl --output=cat --unit={unit} --since=-5s")
    assert re.search(rf"\[C\] '{re.escape(name)}[.\w]*': Count: \d+", printed), printed[-2000:]
    assert re.search(r"\[G\] '[\w.]*uptime_in_ms[.\w]*'", printed)
    assert shell(host, pid) == before
