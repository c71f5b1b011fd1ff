# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks AWS whether a server's upstream authority can sign."""

from __future__ import annotations

import datetime
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.spire.fleet.plugins.plugin_utils.aws.client import AwsError
from ansible_collections.spire.fleet.plugins.plugin_utils.common.failure import failed
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.templating import fleet_of
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.report import upstream_check

ARGUMENTS: dict[str, dict[str, Any]] = {"principal": {"type": "str", "default": ""}}


class ActionModule(ActionBase):
    """See the documentation of the module of the same name."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Returns what AWS says; raises AnsibleActionFail with everything that is wrong."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        _spec, arguments = self.validate_argument_spec(ARGUMENTS)
        host = variables["inventory_hostname"]
        planned = plan("server", host, fleet_of(variables, self._templar))
        name, _data = upstream_check.authority(planned)
        try:
            facts, wrong = upstream_check.check(planned, arguments["principal"], datetime.datetime.now(datetime.timezone.utc))
        except AwsError as exc:
            raise failed(f"{host}: {exc}") from None
        if wrong:
            raise failed("\n".join(f"{host}: {one}" for one in wrong))
        return {**result, "changed": False, "authority": name, "facts": facts}
