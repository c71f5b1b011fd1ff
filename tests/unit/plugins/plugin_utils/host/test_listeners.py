# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host is asked about ports and names follows from the tree."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.host import listeners

TREE = {
    "telemetry": {"Prometheus": {"port": 9988}},
    "health_checks": {"listener_enabled": True, "bind_port": "8080"},
    "server": {"federation": {"bundle_endpoint": {"port": 8443}}},
    "plugins": {"NodeAttestor": {"http_challenge": {"plugin_data": {"port": 80}}}},
}


def test_spire_goes_on_without_the_ports_of_metrics_and_health_checks() -> None:
    asked = [one.asked() for one in listeners.opened("server", TREE, 8081)]
    assert {one["path"] for one in asked if one["survived"]} == {"telemetry.Prometheus.port", "health_checks.bind_port"}
    assert {one["path"] for one in asked if not one["lasting"]} == {"plugins.NodeAttestor.http_challenge.plugin_data.port"}
    assert {one["port"] for one in asked} == {8081, 8080, 8443, 9988, 80}


@pytest.mark.parametrize("sinks, names", [
    (
        [{"address": "one.test:8125"}, {"address": "[2001:db8::7]:8125"}],
        {"telemetry.Statsd[0].address": "one.test", "telemetry.Statsd[1].address": "2001:db8::7"},
    ),
    ({"address": "one.test:8125"}, {"telemetry.Statsd.address": "one.test"}),
    ([{"address": ":8125"}], {}),
    (None, {}),
])
def test_the_names_of_statsd_sinks(sinks: Any, names: dict[str, str]) -> None:
    tree = {"telemetry": {"Statsd": sinks, "DogStatsd": [{"address": "other.test:8125"}]}}
    assert dict(listeners.statsd_names(tree)) == names
