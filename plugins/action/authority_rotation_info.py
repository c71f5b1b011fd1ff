# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at a host's server and agent, and judges what they know and hold of their servers' authorities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.templating import fleet_of
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.canary import canary
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rotation import authority as rotation_authority, authority_readiness
from ansible_collections.spire.fleet.plugins.plugin_utils.rotation.host_check import HostCheck

NAMES: dict[str, Any] = {"type": "list", "elements": "str", "default": []}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "authority": {"type": "str", "choices": ["x509", "jwt"], "required": True},
    "group": {"type": "str", "default": ""},
    "shown": {"type": "str", "default": ""},
    "trusted": NAMES,
    "retired": NAMES,
    "gone": NAMES,
}


class ActionModule(HostCheck):
    """See the documentation of the module of the same name."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Returns what the host lacks, as far as it knows the group's authorities."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        _spec, given = self.validate_argument_spec(ARGUMENTS)
        host, fleet = variables["inventory_hostname"], fleet_of(variables, self._templar)
        found = rotation_authority.scopes(fleet, rotation_authority.RotationRequest(given["authority"], group=given["group"]))
        if given["shown"]:
            said = [variables["hostvars"].raw_get(server).get(given["shown"]) or {} for one in found for server in one.trusting_servers]
            given["retired"] = rotation_authority.including_descendants(given["retired"], said)
        expected = authority_readiness.Expected(given["authority"], *(frozenset(given[name]) for name in ("trusted", "retired", "gone")))
        planned = [plan("server", host, fleet)] if any(host in one.trusting_servers for one in found) else []
        if host in fleet.agents and any(one.has_agent(host, fleet) for one in found):
            planned.append(plan("agent", host, fleet))

        def evaluate(one: Plan, observed: Mapping[str, Any]) -> list[str]:
            if one.component == "server":
                return authority_readiness.server(observed, expected)
            return authority_readiness.agent(observed, canary(one), expected)

        result.update(self.check(planned, evaluate, variables, jwt=expected.kind == "jwt"))
        return result
