# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server that the drift check has just asked is not asked again, while what it said still holds."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.action.server_info import ActionModule
from ansible_collections.spire.fleet.plugins.module_utils.host.observe import server_state

CA = "/etc/spire/server/nodes.pem"
STATE = {"healthy": True, "agents": [{"id": "spiffe://prod.acme.com/a"}], "certificates": {CA: ["PEM"]}}
CHECKED = {"differs": False, "healthy": True, "state": STATE}


def known(checked: dict[str, Any] | None, before: bool = True, **asked: Any) -> dict[str, Any]:
    action = ActionModule.__new__(ActionModule)
    action._task = SimpleNamespace(delegate_to="server1")
    action.variables = {
        "inventory_hostname": "agent1",
        "hostvars": SimpleNamespace(raw_get={"server1": {"checked": checked} if checked else {}}.get),
        **({"spire_server_earlier": "checked"} if before else {}),
    }
    defaults = {name: option["default"] for name, option in server_state.OPTIONS.items()}
    return action._known({**defaults, "certificate_files": [CA], "earlier": "spire_server_earlier", **asked})


def test_the_state_of_a_server_without_a_difference_is_known() -> None:
    assert known(CHECKED) == known({**CHECKED, "state": {**STATE, "entries": {"fleet.web": "0a"}}}) == STATE
    assert known({**CHECKED, "state": {**STATE, "healthy": False, "agents": []}})["healthy"] is False


@pytest.mark.parametrize(
    ("checked", "asked"),
    [
        (None, {}), (CHECKED, {"earlier": None}), (CHECKED, {"earlier": "spire_agent_earlier"}), ({"unreachable": True}, {}),
        ({**CHECKED, "differs": True}, {}), ({**CHECKED, "applied": True}, {}), ({**CHECKED, "state": {}}, {}), ({**CHECKED, "state": {"healthy": True}}, {}),
        (CHECKED, {"certificate_files": []}), (CHECKED, {"spiffe_bundle": True}), (CHECKED, {"authorities": True}),
        (CHECKED, {"only_agents": ["spiffe://prod.acme.com/a"]}), (CHECKED, {"entries": True}),
    ],
    ids=[
        "not checked", "no earlier check named", "no such variable", "not reached", "is going to be changed", "was changed", "did not run",
        "lists no agents", "other files", "a SPIFFE bundle", "authorities", "some agents", "entries",
    ],
)
def test_otherwise_the_server_is_asked(checked: dict[str, Any] | None, asked: dict[str, Any]) -> None:
    assert known(checked, **asked) == {}


def test_a_play_without_a_check_before_it_asks_the_server() -> None:
    assert known(CHECKED, before=False) == {}
