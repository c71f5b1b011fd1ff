# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Begins a rotation of the root and advances it, on the controller."""

from __future__ import annotations

import datetime
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.pki.rotation_state import State
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.action_base import FleetAction
from ansible_collections.spire.fleet.plugins.plugin_utils.rotation import root as rotation_root
from ansible_collections.spire.fleet.plugins.plugin_utils.rotation.host_check import require_all
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.ensure import Run
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error


class ActionModule(FleetAction):
    """See the documentation of the module of the same name."""

    _requires_connection = False
    ARGUMENTS = {
        "state": {"type": "str", "choices": ["begun", "advanced", "signed_under_old_root"], "default": "begun"},
        "name": {"type": "str", "default": ""},
        "trust_domain": {"type": "str", "default": ""},
        "step": {"type": "str", "default": ""},
        "servers_on_old_root": {"type": "list", "elements": "str", "default": []},
        "hosts": {"type": "list", "elements": "str", "required": True},
        "checked": {"type": "str", "default": "spire_rotation_check"},
    }
    EXPECTED = (X509Error,)
    NAMES_HOST = False

    def act(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Returns the step that is reached; raises AnsibleActionFail for what can't be done."""
        run = Run(datetime.datetime.now(datetime.timezone.utc), self._task.check_mode)
        found = rotation_root.scope(self.fleet, arguments["trust_domain"])
        require_all(found.hosts, arguments["hosts"], "of the trust domain")
        state, done = self._step(found, arguments, run)
        if state is None and not done:
            done = [rotation_root.root_lifetime(found, run.now)]
        began = state is not None and any(one.startswith("new root") for one in done)
        return {
            "changed": began if arguments["state"] == "begun" else bool(done),
            "msg": "; ".join(done),
            "name": state.name if state else "",
            "step": state.step if state else "",
            "old_key_id": state.old_key_id if state else "",
            "servers": [server.host for server in found.servers],
            "hosts": found.hosts,
            "targets": found.targets,
            "servers_on_old_root": list(state.servers_on_old_root) if state else [],
        }

    def _step(self, found: rotation_root.Scope, arguments: dict[str, Any], run: Run) -> tuple[State | None, list[str]]:
        if arguments["state"] == "begun":
            return rotation_root.begin(found, arguments["name"], run)
        if arguments["state"] == "signed_under_old_root":
            return rotation_root.sign_under_old_root(found, arguments["servers_on_old_root"], run)
        checked = {host: self.registered(host, arguments["checked"]) for host in found.hosts}
        return rotation_root.advance(found, arguments["step"], checked, run)
