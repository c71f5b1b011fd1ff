# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at a host's server and agent, and judges whether a step of a rotation is done there."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.failure import failed
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.templating import fleet_of
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import rotation_state
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.canary import canary
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rotation import root as rotation_root, root_readiness
from ansible_collections.spire.fleet.plugins.plugin_utils.rotation.host_check import HostCheck
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error


class ActionModule(HostCheck):
    """See the documentation of the module of the same name."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Returns what the host lacks for the step that the rotation is at; raises AnsibleActionFail where there is no root to rotate."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        _spec, given = self.validate_argument_spec({"trust_domain": {"type": "str", "default": ""}})
        host, fleet = variables["inventory_hostname"], fleet_of(variables, self._templar)
        try:
            state = rotation_state.load(rotation_root.scope(fleet, given["trust_domain"]).upstream.directory)
        except X509Error as exc:
            raise failed(str(exc)) from None
        if state is None:
            return {**result, **self.check([], lambda one, observed: [], variables), "step": ""}
        planned = [plan(component, host, fleet) for component in ("server", "agent") if host in fleet.hosts(component)]

        def evaluate(one: Plan, observed: Mapping[str, Any]) -> list[str]:
            if one.component == "server":
                return root_readiness.server(observed, one.upstream is not None, state)
            return root_readiness.agent(observed, canary(one), state, datetime.datetime.now(datetime.timezone.utc))

        result.update(self.check(planned, evaluate, variables), step=state.step)
        return result
