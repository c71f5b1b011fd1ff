# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes and renews the upstream CA of a server, on the controller."""

from __future__ import annotations

import datetime
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.aws.client import AwsError
from ansible_collections.spire.fleet.plugins.plugin_utils.common.action_errors import failed
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import aws as pki_aws, results as pki_results
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.action_base import FleetAction
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.host import upstream_ca
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.ensure import Run
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error


class ActionModule(FleetAction):
    """See the documentation of the module of the same name."""

    _requires_connection = False
    ARGUMENTS = {"csr": {"type": "str", "default": ""}}
    EXPECTED = (X509Error, AwsError)

    def act(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Returns what was made and why; raises AnsibleActionFail for what can't be made."""
        planned = self.plan("server")
        self.refuse(upstream_ca.check(planned))
        if planned.upstream is None:
            raise failed(f"{self.host}: its server has no upstream CA of spire_pki's.")
        if planned.upstream.stored_on_host:
            return pki_results.ensure_certificate(planned.upstream, arguments["csr"], self._task.check_mode)
        found, why = pki_aws.ensure(planned.upstream, Run(datetime.datetime.now(datetime.timezone.utc), self._task.check_mode))
        return pki_results.add_aws_changes(pki_results.task_result(found, planned.upstream.key_files), why)
