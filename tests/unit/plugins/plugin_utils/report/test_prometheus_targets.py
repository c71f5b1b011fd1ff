# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The targets of Prometheus follow from the trees of servers and agents."""

from __future__ import annotations

from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.report.prometheus_targets import targets
from tests.unit.builders.fleets import DOMAIN, agent_tree, fleet, server_tree


def metrics(**options: Any) -> dict[str, Any]:
    return {"telemetry": {"Prometheus": options}}


def test_every_server_and_agent_that_serves_metrics_is_a_target() -> None:
    made = fleet(
        {**server_tree(**metrics(host="0.0.0.0", port=9988)), **agent_tree(**metrics(host="::", port=9989))}, ("s1",), ("a1", "a2"),
        a1={"ansible_host": "2001:db8::7"}, a2={"spire_agent_instance": "second"},
    )
    found, unreachable = targets(made)
    assert unreachable == []
    labels = {"instance_name": "main", "trust_domain": DOMAIN}
    assert found == [
        {"targets": ["s1:9988"], "labels": {"component": "server", "host": "s1", **labels}},
        {"targets": ["[2001:db8::7]:9989"], "labels": {"component": "agent", "host": "a1", **labels}},
        {"targets": ["a2:9989"], "labels": {"component": "agent", "host": "a2", **labels, "instance_name": "second"}},
    ]


def test_a_given_address_wins_and_tls_is_said() -> None:
    tls = {"cert_file": "/c.pem", "key_file": "/k.pem"}
    (found,), _none = targets(fleet(server_tree(**metrics(host="10.0.0.7", port=9988, tls=tls))))
    assert found["targets"] == ["10.0.0.7:9988"]
    assert found["labels"]["__scheme__"] == "https"


def test_metrics_on_the_loopback_address_are_no_target() -> None:
    made = fleet({**server_tree(**metrics(port=9988)), **agent_tree(**metrics(host="127.0.0.1", port=9989))})
    assert targets(made) == ([], ["s1", "a1"])


def test_a_fleet_without_metrics_has_no_targets() -> None:
    assert targets(fleet()) == ([], [])
