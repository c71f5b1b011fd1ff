# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks a server for its state, unless the drift check of this run has just asked it."""

from __future__ import annotations

from typing import Any

from ansible_collections.spire.fleet.plugins.module_utils.host.observe import server_state
from ansible_collections.spire.fleet.plugins.module_utils.spire import connection
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.action_base import FleetAction


class ActionModule(FleetAction):
    """See the documentation of the module of the same name."""

    ARGUMENTS = connection.arguments(**server_state.OPTIONS, earlier={"type": "str"})

    def act(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Returns the state of the server that the task is delegated to."""
        return self._known(arguments) or self._execute_module(module_name="spire.fleet.server_info", task_vars=self.variables)

    def _known(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Returns the state that the drift check of this run has found; empty where none is known that still holds."""
        name = self.variables.get(arguments["earlier"] or "")
        if not name or any(arguments[option] for option in ("only_agents", "spiffe_bundle", "authorities")):
            return {}
        checked = self.registered(self._task.delegate_to or self.host, name)
        state: dict[str, Any] = checked.get("state") or {}
        # A server that differs is changed after the check, and one that has been changed may know other agents by now.
        holds = "agents" in state and checked.get("differs") is False and not checked.get("applied")
        return dict(state) if holds and set(state.get("certificates", ())) == set(arguments["certificate_files"]) else {}
