# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the drift check leaves out, because the run has it already or another host tells it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleActionFail

from ansible_collections.spire.fleet.plugins.action.component_drift import ActionModule
from ansible_collections.spire.fleet.plugins.module_utils.host.probe import ARGUMENTS
from tests.unit.builders.fleets import agent_tree, fleet

ASKED = {name: option.get("default") for name, option in ARGUMENTS.items()}


def action(host: str, **variables: Any) -> ActionModule:
    """Returns the action for a host of two servers and an agent. The agent has an option that SPIRE does not know."""
    made = ActionModule.__new__(ActionModule)
    made.fleet = fleet(servers=("s1", "s2"), a1=agent_tree(agent={"log_levle": "DEBUG"}))
    made.variables = {"inventory_hostname": host, **variables}
    return made


@pytest.mark.parametrize(
    ("host", "asked", "read"),
    [("s1", "all", "all"), ("s2", "all", "health"), ("s1", "health", "health"), ("s2", None, None), ("a1", None, None)],
)
def test_one_server_of_a_group_lists_what_all_of_them_have(host: str, asked: str | None, read: str | None) -> None:
    assert action(host)._state(asked) == read


@pytest.mark.parametrize(
    "variables",
    [
        {}, {"spire_fleet_preflight": "counts"}, {"counts": {"servers": 2}}, {"spire_fleet_preflight": "counts", "counts": {"failed": True}},
    ],
    ids=["a role alone", "no result", "a result of another play", "failed"],
)
def test_without_preflight_the_rules_are_checked(variables: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ActionModule, "_probe", lambda *_given: pytest.fail("the host was asked"))
    with pytest.raises(AnsibleActionFail, match="log_levle"):
        action("a1", **variables).act({**ASKED, "component": "agent", "preflight": "spire_fleet_preflight"})


def test_after_preflight_the_rules_are_not_checked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ActionModule, "_probe", lambda *_given: {"unreachable": True})
    made = action("a1", spire_fleet_preflight="counts", counts={"servers": 2, "agents": 1})
    assert made.act({**ASKED, "component": "agent", "preflight": "spire_fleet_preflight"}) == {"unreachable": True}
