# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks on a host what its server and agent know and hold of their servers' authorities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rotation import authority as rotation_authority, authority_readiness
from ansible_collections.spire.fleet.plugins.plugin_utils.rotation.host_check import HostCheck

NAMES: dict[str, Any] = {"type": "list", "elements": "str", "default": []}


class ActionModule(HostCheck):
    """See the documentation of the module of the same name."""

    ARGUMENTS = {
        "authority": {"type": "str", "choices": ["x509", "jwt"], "required": True},
        "group": {"type": "str", "default": ""},
        "shown": {"type": "str", "default": ""},
        "trusted": NAMES,
        "retired": NAMES,
        "gone": NAMES,
    }

    def act(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Returns what the host's server and agent still lack in this step of the rotation."""
        found = rotation_authority.scopes(self.fleet, rotation_authority.RotationRequest(arguments["authority"], group=arguments["group"]))
        retired = arguments["retired"]
        if arguments["shown"]:
            results = [self.registered(server, arguments["shown"]) for one in found for server in one.trusting_servers]
            retired = rotation_authority.including_descendants(retired, results)
        wanted = authority_readiness.Expected(
            arguments["authority"], frozenset(arguments["trusted"]), frozenset(retired), frozenset(arguments["gone"])
        )
        planned = [self.plan("server")] if any(self.host in one.trusting_servers for one in found) else []
        if self.host in self.fleet.agents and any(one.has_agent(self.host, self.fleet) for one in found):
            planned.append(self.plan("agent"))

        def evaluate(one: Plan, observed: Mapping[str, Any]) -> list[str]:
            if one.component == "server":
                return authority_readiness.server(observed, wanted)
            return authority_readiness.agent(observed, one.canary, wanted)

        return self.check(planned, evaluate, jwt=wanted.kind == "jwt")
