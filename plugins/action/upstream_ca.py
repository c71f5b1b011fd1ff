# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the CA above a server's own, on the controller."""

from __future__ import annotations

import datetime
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.spire.fleet.plugins.plugin_utils.aws.client import AwsError
from ansible_collections.spire.fleet.plugins.plugin_utils.common import problems
from ansible_collections.spire.fleet.plugins.plugin_utils.common.failure import failed
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.templating import fleet_of
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import aws as pki_aws, results as pki_results
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.host import upstream_ca
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.ensure import Run
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error

ARGUMENTS: dict[str, dict[str, Any]] = {"csr": {"type": "str", "default": ""}}


class ActionModule(ActionBase):
    """See the documentation of the module of the same name."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Returns what was made and why; raises AnsibleActionFail for what can't be made."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        _spec, arguments = self.validate_argument_spec(ARGUMENTS)
        host = variables["inventory_hostname"]
        planned = plan("server", host, fleet_of(variables, self._templar))
        mistakes = problems.errors(upstream_ca.check(planned))
        if mistakes:
            raise failed(problems.render(problems.for_host(mistakes, host)))
        if planned.upstream is None:
            raise failed(f"{host}: its server has no upstream CA of spire_pki's.")
        try:
            if not planned.upstream.stored_on_host:
                run = Run(datetime.datetime.now(datetime.timezone.utc), self._task.check_mode)
                found, why = pki_aws.ensure(planned.upstream, run)
                return {**result, **pki_results.add_aws_changes(pki_results.task_result(found, planned.upstream.key_files), why)}
            return {**result, **pki_results.ensure_certificate(planned.upstream, arguments["csr"], self._task.check_mode)}
        except (X509Error, AwsError) as exc:
            # without its cause, which Ansible would tell too: a library's word of a key
            raise failed(f"{host}: {exc}") from None
