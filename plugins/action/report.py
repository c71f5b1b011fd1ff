# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges what was seen of the fleet, on the controller."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.spire.fleet.plugins.plugin_utils import observe, rules
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory_vars import fleet_of


class ActionModule(ActionBase):
    """See the documentation of the module of the same name."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Returns every server and agent as it was seen; fails when something is wrong with one."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _spec, arguments = self.validate_argument_spec({"hosts": {"type": "list", "elements": "str", "required": True}})
        variables = task_vars or {}
        fleet = fleet_of(variables, self._templar)
        now = datetime.datetime.now(datetime.timezone.utc)
        registered = {host: variables["hostvars"].raw_get(host) for host in arguments["hosts"]}
        states: dict[str, Any] = {}
        seen = []
        for host in (host for host in fleet.servers if host in registered):
            answers = _answers(registered[host], look="spire_verify_server_look", state="spire_verify_state")
            seen.append(observe.server(host, fleet, answers))
            if answers["state"].get("healthy"):
                states.setdefault(fleet.group_of_server(host), rules.by_id(answers["state"]))
        for host in (host for host in fleet.agents if host in registered):
            answers = _answers(registered[host], look="spire_verify_agent_look", svid="spire_verify_svid")
            group = fleet.server_group(host)
            if not states.get(group):
                asked = _answers(registered[host], servers="spire_verify_servers")["servers"].get("results", [])
                states[group] = rules.server_knowledge(host, fleet, asked)
            seen.append(observe.agent(host, fleet, answers, states[group], now))
        table = observe.table(seen, now)
        self._display.display(table)
        wrong = [one for one in seen if one.problems]
        result.update(changed=False, fleet=[one.as_dict() for one in seen], failed=bool(wrong))
        if wrong:
            result["msg"] = f"{len(wrong)} of {len(seen)} servers and agents are not as they should be.\n{table}"
        return result


def _answers(variables: Mapping[str, Any], **names: str) -> dict[str, Mapping[str, Any]]:
    """What the playbook registered under these names for one host."""
    return {key: variables.get(name) or {} for key, name in names.items()}
