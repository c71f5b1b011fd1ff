# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evaluates on the controller what was observed of the fleet."""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.spire.fleet.plugins.module_utils.host import atomic_file
from ansible_collections.spire.fleet.plugins.plugin_utils.common.action_errors import failed
from ansible_collections.spire.fleet.plugins.plugin_utils.enrolment.server_answers import by_id, server_knowledge
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.action_base import FleetAction
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.report import entry_state, expiry, fleet_state, one_datastore, run_result
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error

#: names of the results that the playbook registers for each host, servers first: agents are checked against what their servers know
NAMES = {
    "server": {"look": "spire_verify_server_drift", "state": "spire_verify_state"},
    "agent": {"look": "spire_verify_agent_drift", "svid": "spire_verify_svid", "servers": "spire_verify_servers"},
}
#: the name of the results of the comparison of registration entries; one task registers them for all hosts
ENTRIES = "spire_verify_entries"


class ActionModule(FleetAction):
    """See the documentation of the module of the same name."""

    _requires_connection = False
    ARGUMENTS = {
        "hosts": {"type": "list", "elements": "str", "required": True},
        "path": {"type": "str", "default": ""},
    }

    def act(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Returns every server and agent as it was observed; fails when something is wrong with one."""
        fleet, now = self.fleet, datetime.datetime.now(datetime.timezone.utc)
        registered = {host: self.variables["hostvars"].raw_get(host) for host in arguments["hosts"]}
        observed, expiring, clocks = _evaluated(fleet, registered, now)
        states = {host: facts[NAMES["server"]["state"]] for host, facts in registered.items() if facts.get(NAMES["server"]["state"])}
        _note(observed, one_datastore.apart(fleet, states))
        _note_entries(fleet, registered, observed)
        rest = fleet_state.assign_problems(observed, expiring, now)
        tolerance = min((fleet.values_of(one.host)["spire_clock_tolerance"] for one in observed), default=0)
        fleet_state.compare_clocks(observed, clocks, tolerance)
        table = "\n".join([fleet_state.table(observed, now), *rest])
        self._display.display(f"{table}\n\n{expiry.table(expiring, now)}")
        wrong = [one for one in observed if one.problems]
        result: dict[str, Any] = {
            "changed": False, "fleet": [one.as_dict() for one in observed], "expiry": [one.as_dict(now) for one in expiring],
            "failed": bool(wrong or rest), "summary": run_result.of_verify(observed, rest, expiring, now),
        }
        if result["failed"]:
            result["msg"] = f"{_title(len(wrong), len(observed))}\n{table}"
        if arguments["path"] and not self._task.check_mode:
            _write(arguments["path"], {"time": now.isoformat(), **{key: result[key] for key in ("failed", "fleet", "expiry")}})
        return result


def _evaluated(
    fleet: Fleet, registered: Mapping[str, Mapping[str, Any]], now: datetime.datetime
) -> tuple[list[fleet_state.Observed], list[expiry.Expiry], dict[str, Any]]:
    """Returns every server and agent, what expires, and the clocks of the hosts."""
    observed: list[fleet_state.Observed] = []
    expiring: list[expiry.Expiry] = []
    states: dict[str, Any] = {}
    clocks: dict[str, Any] = {}
    for component, host in [(component, host) for component in NAMES for host in fleet.hosts(component) if host in registered]:
        given = {key: registered[host].get(name) or {} for key, name in NAMES[component].items()}
        planned = plan(component, host, fleet)
        if component == "server":
            observed.append(fleet_state.server(host, fleet, given))
            if given["state"].get("healthy"):
                states.setdefault(fleet.group_of_server(host), by_id(given["state"]))
        else:
            group = fleet.server_group(host)
            if not states.get(group):
                states[group] = server_knowledge(host, fleet, given.pop("servers").get("results", []))
            given.pop("servers", None)
            observed.append(fleet_state.agent(planned, fleet, given, states[group], now))
        clocks |= {host: given["look"]["clock"]} if given["look"].get("clock") else {}
        try:
            expiring += fleet_state.expiring(planned, given)
        except X509Error as exc:
            observed[-1].problems.append(str(exc))
    expiring = expiry.in_order([*expiring, *fleet_state.bundles(fleet, states)])
    return observed, expiring, clocks


def _note_entries(fleet: Fleet, registered: Mapping[str, Mapping[str, Any]], observed: Sequence[fleet_state.Observed]) -> None:
    """Adds problems with registration entries to their servers, and to agents that this run could not examine."""
    results = next((facts[ENTRIES].get("results", []) for facts in registered.values() if facts.get(ENTRIES)), [])
    _note(observed, entry_state.problems(results))
    for one in observed:
        if one.component == "agent" and one.problems and not one.spiffe_id:
            left = entry_state.of_dead_agent(one.host, fleet, results)
            one.problems += [left] if left else []


def _note(observed: Sequence[fleet_state.Observed], problems: Iterable[tuple[str, str]]) -> None:
    """Adds problems to the servers that they are about."""
    servers = {one.host: one for one in observed if one.component == "server"}
    for server, problem in problems:
        if server in servers:
            servers[server].problems.append(problem)


def _title(wrong: int, observed: int) -> str:
    if not wrong:
        return "Something that the fleet needs is not as it should be."
    return f"{wrong} of {observed} servers and agents are not as they should be."


def _write(path: str, found: dict[str, Any]) -> None:
    """Writes the report in one step, since it may be read at any time."""
    try:
        atomic_file.write(os.path.expanduser(path), (json.dumps(found, indent=2) + "\n").encode(), mode=0o644)
    except (OSError, atomic_file.SecretFileError) as exc:
        raise failed(f"The report can't be written: {exc}.") from exc
