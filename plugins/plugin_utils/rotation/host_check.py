# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the actions share that wait until a host's server and agent are ready for the next step of a rotation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.plan.action_base import FleetAction
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rotation import root_readiness

#: what a component lacks, in words, by what was seen of it
Judge = Callable[[Plan, Mapping[str, Any]], list[str]]


class HostCheck(FleetAction):
    """Looks at components of one host with the module rotation_check."""

    def check(self, planned: Iterable[Plan], judge: Judge, variables: dict[str, Any], jwt: bool = False) -> dict[str, Any]:
        """What the host lacks; a host that gives no answer is not ready."""
        missing = [f"{one.component}: {text}" for one in planned for text in self._missing(one, judge, variables, jwt)]
        found = {"changed": False, "ready": not missing, "waiting_for": missing}
        return {**found, "msg": f"{variables['inventory_hostname']} is not ready yet: {'; '.join(missing)}"} if missing else found

    def _missing(self, planned: Plan, judge: Judge, variables: dict[str, Any], jwt: bool) -> list[str]:
        spec = root_readiness.spec_of(planned, jwt=jwt)
        answer = self._execute_module(module_name="spire.fleet.root_rotation_info", module_args={"spec": spec}, task_vars=variables)
        if "observed" not in answer:
            return [str(answer.get("msg") or "it gave no answer").strip()]
        return judge(planned, answer["observed"])
