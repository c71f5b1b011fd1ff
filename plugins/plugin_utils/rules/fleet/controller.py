# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about the controller: whether it sees the whole inventory, and whether it keeps what must last."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import and_list
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet, SERVERS
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule

#: the variables because of which the controller keeps CAs, by the component that they count for
_CAS = {"server": ("spire_pki", "spire_x509pop", "spire_sshpop"), "agent": ("spire_x509pop", "spire_sshpop")}
_DIRECTORY, _REPORT = "spire_pki_dir", "spire_verify_report"
_LOST = "It is in no volume of the container that Ansible runs in, so it is gone when the job has ended."


@rule("fleet", "inventory", source="AWX, awx/main/models/inventory.py (get_script_data) and awx/main/models/jobs.py (create_unified_job); docs/awx.md")
def job_slice(context: RuleContext) -> Findings:
    """A job of AWX over servers, or over agents whose servers are in the inventory, is not sliced, because a slice has only some of the hosts."""
    fleet: Fleet = context.fleet
    if not fleet.job_slice:
        return
    # AWX puts the groups of the whole inventory into each slice, also those whose hosts are in other slices.
    groups = dict.fromkeys([SERVERS, *(fleet.server_group(agent) for agent in fleet.agents)])
    known = [name for name in groups if name in fleet.groups]
    if known:
        yield Finding("inventory", (
            f"This job is a slice of AWX, which has only some hosts of the inventory, and the inventory has {and_list(known)}. Agents and entries need all "
            "hosts of the fleet. Run a job without slices. To divide the agents among several jobs, give each a limit, such as spire_agents[0:99]."
        ), layer="")


@rule("fleet", f"inventory:{_DIRECTORY}", f"inventory:{_REPORT}", severity="warning", source="docs/awx.md")
def controller_volume(context: RuleContext) -> Findings:
    """What the controller must keep is in a volume, where the controller is in a container: spire_pki_dir, and the file of spire_verify_report."""
    fleet: Fleet = context.fleet
    if fleet.container is None:
        return
    found: dict[tuple[str, str], dict[str, None]] = {}
    for host, variable in _needed(fleet):
        path = os.path.realpath(os.path.expanduser(fleet.values_of(host)[variable]))
        if fleet.container.loses(path):
            found.setdefault((variable, path), {})[host] = None
    for (variable, path), hosts in found.items():
        why = (
            "It has the CAs of the fleet, and the next run would find none and stop. Mount a volume in every job, and set spire_pki_dir to a directory in it."
            if variable == _DIRECTORY else "Mount a volume, and set spire_verify_report to a file in it."
        )
        yield Finding(variable, f"{path}: {_LOST} {why}", hosts=tuple(hosts), layer=variable)


def _needed(fleet: Fleet) -> Iterator[tuple[str, str]]:
    """Yields each host with each variable that names something on the controller which must last."""
    for component, names in _CAS.items():
        for host in fleet.hosts(component):
            values = fleet.values_of(host)
            if values[_DIRECTORY] and any(values[name] != "none" for name in names):
                yield host, _DIRECTORY
            if values[_REPORT]:
                yield host, _REPORT
