# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at a host's server and agent, and judges what they know and hold of their servers' authorities."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.spire.fleet.plugins.plugin_utils import authority_judge, entries, rotation_judge
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory_vars import fleet_of
from ansible_collections.spire.fleet.plugins.plugin_utils.plan import Plan, plan

NAMES: dict[str, Any] = {"type": "list", "elements": "str", "default": []}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "authority": {"type": "str", "choices": ["x509", "jwt"], "required": True},
    "group": {"type": "str", "required": True},
    "trusted": NAMES,
    "retired": NAMES,
    "gone": NAMES,
}


class ActionModule(ActionBase):
    """See the documentation of the module of the same name."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Returns what the host lacks; a host that gives no answer is not ready."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        _spec, given = self.validate_argument_spec(ARGUMENTS)
        wanted = authority_judge.Wanted(given["authority"], *(frozenset(given[name]) for name in ("trusted", "retired", "gone")))
        host = variables["inventory_hostname"]
        fleet = fleet_of(variables, self._templar)
        missing = []
        for component, group in (("server", fleet.group_of_server), ("agent", fleet.server_group)):
            if host in fleet.hosts(component) and group(host) == given["group"]:
                planned = plan(component, host, fleet)
                missing += [f"{component}: {text}" for text in self._missing(planned, wanted, variables)]
        result.update(changed=False, ready=not missing, waiting_for=missing)
        if missing:
            result["msg"] = f"{host} is not ready yet: {'; '.join(missing)}"
        return result

    def _missing(self, planned: Plan, wanted: authority_judge.Wanted, variables: dict[str, Any]) -> list[str]:
        spec = rotation_judge.spec_of(planned, jwt=wanted.kind == "jwt")
        answer = self._execute_module(module_name="spire.fleet.rotation_check", module_args={"spec": spec}, task_vars=variables)
        if "seen" not in answer:
            return [str(answer.get("msg") or "it gave no answer").strip()]
        if planned.component == "server":
            return authority_judge.server(answer["seen"], wanted)
        return authority_judge.agent(answer["seen"], entries.canary(planned), wanted)
