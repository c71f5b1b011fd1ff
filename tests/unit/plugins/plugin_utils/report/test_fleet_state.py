# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What verify says about an agent that reaches no server, and when the host is asked to try."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.drift.probe import request_of
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.report import fleet_state
from tests.unit.builders.fleets import ALONE, fleet

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
OWN = "spiffe://prod.acme.com/spire/agent/x"
KNOWN = {"agents": {OWN: {"banned": False, "expires_at": 0}}}
AT = "it does not reach a server at s1:8081: connection refused"


def problems(made: Fleet, state: Mapping[str, Any] | None, unreached: str) -> list[str]:
    """Returns the problems of agent a1, apart from those of its canary."""
    look = {"differs": False, "differences": [], "spiffe_id": OWN, "unreached": unreached}
    observed = fleet_state.agent(plan("agent", "a1", made), made, {"look": look}, state, NOW)
    return [one for one in observed.problems if not one.startswith("no SVID")]


@pytest.mark.parametrize(("state", "unreached", "expected"), [
    (KNOWN, "connection refused", [AT]),
    (KNOWN, "", []),
    # Where no server answers, the agent reaches none either.
    (None, "connection refused", ["its server gave no answer, so it is unknown whether it lists this agent"]),
])
def test_an_agent_that_reaches_no_server(state: Mapping[str, Any] | None, unreached: str, expected: list[str]) -> None:
    assert problems(fleet(), state, unreached) == expected


def test_an_agent_whose_servers_are_elsewhere() -> None:
    assert problems(fleet(ALONE, servers=()), None, "connection refused") == ["it does not reach a server at spire.acme.com:8081: connection refused"]


def test_the_host_is_asked_only_on_demand_and_not_through_a_proxy() -> None:
    made = fleet(agents=("a1", "a2"), a2={"spire_agent_environment": {"HTTPS_PROXY": "http://proxy:3128"}})
    asked = {agent: request_of(plan("agent", agent, made), reach_server=True).server for agent in ("a1", "a2")}
    assert asked == {"a1": {"host": "s1", "port": 8081, "spiffe_id": "spiffe://prod.acme.com/spire/server"}, "a2": None}
    assert request_of(plan("agent", "a1", made)).server is None
    assert request_of(plan("server", "s1", made), reach_server=True).server is None
