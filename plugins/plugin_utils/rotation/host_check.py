# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A base class for actions that check whether a host's server and agent are ready for the next step of a rotation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.plan.action_base import FleetAction
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rotation import root_readiness

#: returns what a component lacks, from its plan and from what the module observed
Evaluate = Callable[[Plan, Mapping[str, Any]], list[str]]


class HostCheck(FleetAction):
    """Checks components of one host with the module root_rotation_info."""

    def check(self, planned: Iterable[Plan], evaluate: Evaluate, variables: dict[str, Any], jwt: bool = False) -> dict[str, Any]:
        """Returns a task's result with what the host lacks. A host that gives no answer is not ready."""
        missing = [f"{one.component}: {text}" for one in planned for text in self._missing(one, evaluate, variables, jwt)]
        found = {"changed": False, "ready": not missing, "waiting_for": missing}
        return {**found, "msg": f"{variables['inventory_hostname']} is not ready yet: {'; '.join(missing)}"} if missing else found

    def _missing(self, planned: Plan, evaluate: Evaluate, variables: dict[str, Any], jwt: bool) -> list[str]:
        spec = root_readiness.module_spec(planned, jwt=jwt)
        answer = self._execute_module(module_name="spire.fleet.root_rotation_info", module_args={"spec": spec}, task_vars=variables)
        if "observed" not in answer:
            return [str(answer.get("msg") or "it gave no answer").strip()]
        return evaluate(planned, answer["observed"])
