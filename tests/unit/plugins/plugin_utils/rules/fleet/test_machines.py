# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""It is found out which inventory hosts are one machine."""

from __future__ import annotations

from ansible_collections.spire.fleet.plugins.plugin_utils.rules import run as rules_run
from tests.unit.builders.fleets import fleet


def test_ports_of_one_machine_on_other_addresses_are_no_collision() -> None:
    tree = {"telemetry": {"Prometheus": {"port": 9988, "host": "127.0.0.1"}}}
    other = {"telemetry": {"Prometheus": {"port": 9988, "host": "127.0.0.2"}}}
    sound = fleet(agents=("s1",), s1={"spire_server_config": tree, "spire_agent_config": other})
    assert rules_run.of_fleet(sound) == []


def test_one_address_with_two_ports_is_two_machines() -> None:
    forwarded = {"ansible_host": "127.0.0.1"}
    apart = fleet(agents=("a1", "a2"), a1={**forwarded, "ansible_port": 2201}, a2={**forwarded, "ansible_port": 2202})
    assert rules_run.of_fleet(apart) == []
    assert len(rules_run.of_fleet(fleet(agents=("a1", "a2"), a1=forwarded, a2=forwarded))) == 1
