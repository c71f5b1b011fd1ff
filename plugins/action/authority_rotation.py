# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans how servers replace authorities of their own, on the controller."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.plan.action_base import FleetAction
from ansible_collections.spire.fleet.plugins.plugin_utils.rotation import authority as rotation_authority
from ansible_collections.spire.fleet.plugins.plugin_utils.rotation.authority import AuthorityError, RotationRequest
from ansible_collections.spire.fleet.plugins.plugin_utils.rotation.host_check import require_all


class ActionModule(FleetAction):
    """See the documentation of the module of the same name."""

    _requires_connection = False
    ARGUMENTS = {
        "authority": {"type": "str", "choices": ["x509", "jwt"], "required": True},
        "revoke": {"type": "bool", "default": False},
        "start": {"type": "str", "choices": ["", "prepare", "taint"], "default": ""},
        "group": {"type": "str", "default": ""},
        "hosts": {"type": "list", "elements": "str", "required": True},
        "shown": {"type": "str", "default": ""},
    }
    EXPECTED = (AuthorityError,)
    NAMES_HOST = False

    def act(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Returns the rounds of the rotation and the hosts that take part; raises AnsibleActionFail for a request that is not clear or can't be met."""
        asked = RotationRequest(arguments["authority"], arguments["revoke"], arguments["start"], arguments["group"])
        found = rotation_authority.scopes(self.fleet, asked)
        servers, hosts = rotation_authority.members(self.fleet, found)
        require_all(hosts, arguments["hosts"], "that knows the authorities", "; -e spire_rotate_group names one group of servers")
        rounds, warnings = [], []
        if arguments["shown"]:
            shown = {server: self.variables["hostvars"].raw_get(server)[arguments["shown"]] for server in servers}
            rounds = rotation_authority.rounds(self.fleet, asked, found, shown)
            now = datetime.datetime.now(datetime.timezone.utc)
            warnings = rotation_authority.untracked_authorities(asked, found, shown, now) if asked.revoke else []
        return {
            # Later tasks carry out the rounds. In check mode no task does, so the change is reported here.
            "changed": bool(rounds) and bool(self._task.check_mode), "msg": "; ".join(rotation_authority.describe_rounds(asked, rounds)),
            "servers": servers, "hosts": hosts, "rounds": [dataclasses.asdict(one) for one in rounds],
            **({"warnings": warnings} if warnings else {}),
        }
