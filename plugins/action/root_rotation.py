# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Begins a rotation of the root and lets it go on, on the controller."""

from __future__ import annotations

import datetime
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.spire.fleet.plugins.plugin_utils.common.failure import failed
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.templating import fleet_of
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.rotation_state import State
from ansible_collections.spire.fleet.plugins.plugin_utils.rotation import root as rotation_root
from ansible_collections.spire.fleet.plugins.plugin_utils.rotation.participants import require_all
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.ensure import Run
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error

ARGUMENTS: dict[str, dict[str, Any]] = {
    "state": {"type": "str", "choices": ["begun", "advanced", "fallen_back"], "default": "begun"},
    "name": {"type": "str", "default": ""},
    "trust_domain": {"type": "str", "default": ""},
    "step": {"type": "str", "default": ""},
    "servers_on_old_root": {"type": "list", "elements": "str", "default": []},
    "hosts": {"type": "list", "elements": "str", "required": True},
    "checked": {"type": "str", "default": "spire_rotation_check"},
}


class ActionModule(ActionBase):
    """See the documentation of the module of the same name."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Returns the step that is reached; raises AnsibleActionFail for what can't be done."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        _spec, given = self.validate_argument_spec(ARGUMENTS)
        now = datetime.datetime.now(datetime.timezone.utc)
        run = Run(now, self._task.check_mode)
        try:
            found = rotation_root.scope(fleet_of(variables, self._templar), given["trust_domain"])
            require_all(found.hosts, given["hosts"], "of the trust domain")
            state, done = self._do(found, given, run, variables)
            if state is None and not done:
                done = [rotation_root.root_lifetime(found, now)]
        except X509Error as exc:
            # without its cause, which Ansible would tell too: a library's word of a key
            raise failed(str(exc)) from None
        result.update(
            changed=bool(done) if given["state"] != "begun" else state is not None and any(one.startswith("new root") for one in done),
            msg="; ".join(done),
            name=state.name if state else "",
            step=state.step if state else "",
            old_key_id=state.old_key_id if state else "",
            servers=[server.host for server in found.servers],
            hosts=found.hosts,
            targets=found.targets,
            servers_on_old_root=list(state.servers_on_old_root) if state else [],
        )
        return result

    def _do(self, found: rotation_root.Scope, given: dict[str, Any], run: Run, variables: dict[str, Any]) -> tuple[State | None, list[str]]:
        if given["state"] == "begun":
            return rotation_root.begin(found, given["name"], run)
        if given["state"] == "fallen_back":
            return rotation_root.sign_under_old_root(found, given["servers_on_old_root"], run)
        checked = {host: variables["hostvars"].raw_get(host).get(given["checked"]) or {} for host in found.hosts}
        return rotation_root.advance(found, given["step"], checked, run)
