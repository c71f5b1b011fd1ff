# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Preflight accepts agents that differ from their servers in permitted ways."""

from __future__ import annotations

from ansible_collections.spire.fleet.plugins.plugin_utils.rules import run as rules_run
from tests.unit.builders.fleets import fleet


def test_an_agent_of_0_12_may_have_a_server_of_1_0() -> None:
    assert rules_run.of_fleet(fleet(s1={"spire_version": "1.0.4"}, a1={"spire_version": "0.12.3"})) == []


def test_a_host_that_is_down_shorter_than_half_of_its_svid() -> None:
    long = {"spire_server_config": {"server": {"ca_ttl": "840h", "agent_ttl": "140h"}}}
    assert rules_run.of_fleet(fleet({**long, "spire_agent_downtime": "70h"})) == []
    assert [problem.rule for problem in rules_run.of_fleet(fleet({**long, "spire_agent_downtime": "71h"}))] == ["agent_downtime"]
