# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans how servers replace authorities of their own, on the controller."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.spire.fleet.plugins.plugin_utils.common.failure import failed
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.templating import fleet_of
from ansible_collections.spire.fleet.plugins.plugin_utils.rotation import authority as rotation_authority
from ansible_collections.spire.fleet.plugins.plugin_utils.rotation.authority import AuthorityError, RotationRequest
from ansible_collections.spire.fleet.plugins.plugin_utils.rotation.participants import require_all

ARGUMENTS: dict[str, dict[str, Any]] = {
    "authority": {"type": "str", "choices": ["x509", "jwt"], "required": True},
    "revoke": {"type": "bool", "default": False},
    "start": {"type": "str", "choices": ["", "prepare", "taint"], "default": ""},
    "group": {"type": "str", "default": ""},
    "hosts": {"type": "list", "elements": "str", "required": True},
    "shown": {"type": "str", "default": ""},
}


class ActionModule(ActionBase):
    """See the documentation of the module of the same name."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Returns whom it concerns and the rounds; raises AnsibleActionFail for what can't be done, or is not clear."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        _spec, given = self.validate_argument_spec(ARGUMENTS)
        request = RotationRequest(given["authority"], given["revoke"], given["start"], given["group"])
        fleet = fleet_of(variables, self._templar)
        try:
            found = rotation_authority.scopes(fleet, request)
            servers, hosts = rotation_authority.members(fleet, found)
            require_all(hosts, given["hosts"], "that knows the authorities", "; -e spire_rotate_group names one group of servers")
            rounds, warnings = [], []
            if given["shown"]:
                authorities = {server: variables["hostvars"].raw_get(server)[given["shown"]] for server in servers}
                rounds = rotation_authority.rounds(fleet, request, found, authorities)
                now = datetime.datetime.now(datetime.timezone.utc)
                warnings = rotation_authority.untracked_authorities(request, found, authorities, now) if request.revoke else []
        except AuthorityError as exc:
            raise failed(str(exc)) from None
        if warnings:
            result["warnings"] = warnings
        return {
            # its rounds do it later, and check mode does not come to them
            **result, "changed": bool(rounds) and bool(self._task.check_mode), "msg": "; ".join(rotation_authority.describe_rounds(request, rounds)),
            "servers": servers, "hosts": hosts, "rounds": [dataclasses.asdict(one) for one in rounds],
        }
