# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps what nodes prove themselves by, on the controller."""

from __future__ import annotations

import datetime
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.spire.fleet.plugins.plugin_utils.common import problems
from ansible_collections.spire.fleet.plugins.plugin_utils.common.failure import failed
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.templating import fleet_of
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import results as pki_results
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.fleet import node_certificates
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.ensure import Run
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error

ARGUMENTS: dict[str, dict[str, Any]] = {
    "component": {"type": "str", "choices": ["server", "agent"], "default": "agent"},
    "csr": {"type": "str", "default": ""},
}


class ActionModule(ActionBase):
    """See the documentation of the module of the same name."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Returns what was made and why; raises AnsibleActionFail for what can't be made."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        _spec, arguments = self.validate_argument_spec(ARGUMENTS)
        host = variables["inventory_hostname"]
        fleet = fleet_of(variables, self._templar)
        planned = plan(arguments["component"], host, fleet)
        mistakes = problems.errors(node_certificates.check(planned, fleet))
        if mistakes:
            raise failed(problems.render(problems.for_host(mistakes, host)))
        try:
            if planned.component == "server":
                return {**result, **_authorities(planned, self._task.check_mode)}
            if planned.node is None:
                raise failed(f"{host}: its agent has no certificate of spire_x509pop's or spire_sshpop's.")
            return {**result, **pki_results.ensure_certificate(planned.node, arguments["csr"], self._task.check_mode)}
        except X509Error as exc:
            # without its cause, which Ansible would tell too: a library's word of a key
            raise failed(f"{host}: {exc}") from None


def _authorities(planned: Plan, check: bool) -> dict[str, Any]:
    run = Run(datetime.datetime.now(datetime.timezone.utc), check)
    why = [f"{one.prefix}: {reason}" for one in planned.authorities for reason in one.ensure_issuer(run)]
    return {"changed": bool(why), "differences": why}
