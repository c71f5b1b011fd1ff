# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks AWS whether the upstream authority of a server can sign."""

from __future__ import annotations

import datetime
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.aws.client import AwsError
from ansible_collections.spire.fleet.plugins.plugin_utils.common.action_errors import failed
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.action_base import FleetAction
from ansible_collections.spire.fleet.plugins.plugin_utils.report import upstream_check


class ActionModule(FleetAction):
    """See the documentation of the module of the same name."""

    _requires_connection = False
    ARGUMENTS = {"principal": {"type": "str", "default": ""}}
    EXPECTED = (AwsError,)

    def act(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Returns AWS's facts about the CA; raises AnsibleActionFail with everything that is wrong."""
        planned = self.plan("server")
        name, _data = upstream_check.authority(planned)
        facts, wrong = upstream_check.check(planned, arguments["principal"], datetime.datetime.now(datetime.timezone.utc))
        if wrong:
            raise failed("\n".join(f"{self.host}: {one}" for one in wrong))
        return {"changed": False, "authority": name, "facts": facts}
