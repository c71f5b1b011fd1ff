# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the actions of rotations have in common: all hosts take part, and each one is checked before the next step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.action_errors import failed
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.action_base import FleetAction
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rotation import root_readiness

#: returns what a component lacks, from its plan and from what the module observed
Evaluate = Callable[[Plan, Mapping[str, Any]], list[str]]


def require_all(required: Iterable[str], present: Iterable[str], who: str, remedy: str = "") -> None:
    """Fails unless every server and agent of the rotation is in this run.

    ``who`` describes them in the message, and ``remedy`` how a run with fewer hosts is possible.
    """
    here = set(present)
    absent = [host for host in required if host not in here]
    if absent:
        raise failed(
            f"Every server and agent {who} takes part in each step, and these are not in this run: {', '.join(absent)}. "
            f"Run it without --limit, and with hosts that answer{remedy}."
        )


class HostCheck(FleetAction):
    """Checks components of one host with the module root_rotation_info."""

    def check(self, planned: Iterable[Plan], evaluate: Evaluate, jwt: bool = False) -> dict[str, Any]:
        """Returns a task's result with what the host lacks. A host that gives no answer is not ready."""
        missing = [f"{one.component}: {text}" for one in planned for text in self._missing(one, evaluate, jwt)]
        found = {"changed": False, "ready": not missing, "waiting_for": missing}
        return {**found, "msg": f"{self.host} is not ready yet: {'; '.join(missing)}"} if missing else found

    def _missing(self, planned: Plan, evaluate: Evaluate, jwt: bool) -> list[str]:
        spec = root_readiness.module_spec(planned, jwt=jwt)
        answer = self._execute_module(module_name="spire.fleet.root_rotation_info", module_args={"spec": spec}, task_vars=self.variables)
        if "observed" not in answer:
            return [str(answer.get("msg") or "it gave no answer").strip()]
        return evaluate(planned, answer["observed"])
