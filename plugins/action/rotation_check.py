# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at a host's server and agent, and judges whether a step of a rotation is done there."""

from __future__ import annotations

import datetime
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.spire.fleet.plugins.plugin_utils import entries, rotation_judge, rotation_run
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory_vars import fleet_of
from ansible_collections.spire.fleet.plugins.plugin_utils.plan import Plan, plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rotation import State
from ansible_collections.spire.fleet.plugins.plugin_utils.x509_keys import X509Error


class ActionModule(ActionBase):
    """See the documentation of the module of the same name."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Returns what the host lacks; a host that gives no answer is not ready."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        _spec, given = self.validate_argument_spec({"trust_domain": {"type": "str", "default": ""}})
        host = variables["inventory_hostname"]
        fleet = fleet_of(variables, self._templar)
        try:
            found = rotation_run.scope(fleet, given["trust_domain"])
            state = found.upstream.rotation
        except X509Error as exc:
            raise AnsibleActionFail(str(exc)) from None
        missing = []
        for component in ("server", "agent") if state else ():
            if host in fleet.hosts(component):
                planned = plan(component, host, fleet)
                missing += [f"{component}: {text}" for text in self._missing(planned, state, variables)]
        result.update(changed=False, ready=not missing, waiting_for=missing, step=state.step if state else "")
        if missing:
            result["msg"] = f"{host} is not ready yet: {'; '.join(missing)}"
        return result

    def _missing(self, planned: Plan, state: State, variables: dict[str, Any]) -> list[str]:
        spec = rotation_judge.spec_of(planned)
        answer = self._execute_module(module_name="spire.fleet.rotation_check", module_args={"spec": spec}, task_vars=variables)
        if "seen" not in answer:
            return [str(answer.get("msg") or "it gave no answer").strip()]
        if planned.component == "server":
            return rotation_judge.server(answer["seen"], planned.upstream is not None, state)
        return rotation_judge.agent(answer["seen"], entries.canary(planned), state, datetime.datetime.now(datetime.timezone.utc))
