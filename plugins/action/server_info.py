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
        if any(arguments[option] for option in ("entries", "only_agents", "spiffe_bundle", "authorities")):
            return {}
        state = self.earlier_state(arguments["earlier"])
        same_files = set(state.get("certificates", ())) == set(arguments["certificate_files"])
        return {name: value for name, value in state.items() if name != "entries"} if "agents" in state and same_files else {}
