# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes and renews, on the controller, the certificates that nodes attest with."""

from __future__ import annotations

import datetime
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.action_errors import failed
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import results as pki_results
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.action_base import FleetAction
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.fleet import node_certificates
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.ensure import Run
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error


class ActionModule(FleetAction):
    """See the documentation of the module of the same name."""

    _requires_connection = False
    ARGUMENTS = {
        "component": {"type": "str", "choices": ["server", "agent"], "default": "agent"},
        "csr": {"type": "str", "default": ""},
    }
    EXPECTED = (X509Error,)

    def act(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Returns what was made and why; raises AnsibleActionFail for what can't be made."""
        planned = self.plan(arguments["component"])
        self.refuse(node_certificates.check(planned, self.fleet))
        if planned.component == "server":
            return _authorities(planned, self._task.check_mode)
        if planned.node is None:
            raise failed(f"{self.host}: its agent has no certificate of spire_x509pop's or spire_sshpop's.")
        return pki_results.ensure_certificate(planned.node, arguments["csr"], self._task.check_mode)


def _authorities(planned: Plan, check: bool) -> dict[str, Any]:
    run = Run(datetime.datetime.now(datetime.timezone.utc), check)
    why = [f"{one.prefix}: {reason}" for one in planned.authorities for reason in one.ensure_issuer(run)]
    return {"changed": bool(why), "differences": why}
