# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about the inventory as a whole."""

from __future__ import annotations

from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import and_list
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory import unread
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import AGENTS, Fleet, SERVERS
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.variables import catalogue
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule


@rule("fleet", "inventory", source="docs/checks.md")
def empty_inventory(context: RuleContext) -> Findings:
    """The inventory has at least one server or agent."""
    if not context.fleet.servers and not context.fleet.agents:
        yield Finding("inventory", f"The inventory has no host in {SERVERS} and no host in {AGENTS}. Add your hosts to these groups.")


@rule("fleet", "inventory", severity="warning", source="docs/operations.md (a playbook of your own that imports site)")
def unread_variables(context: RuleContext) -> Findings:
    """Variables in group_vars and host_vars stand where Ansible reads them: beside the inventory."""
    fleet: Fleet = context.fleet
    members = {*fleet.servers, *fleet.agents}
    for found in unread.files(fleet.unread_directories, fleet.groups):
        hosts = tuple(host for host in found.hosts if host in members)
        if hosts:
            yield Finding(found.path, (
                f"This file sets {and_list(found.variables)}, and Ansible does not read it. It reads group_vars and host_vars beside the inventory, and "
                "neither beside a playbook that imports one of this collection nor in the directory where you are. Move the folder beside the "
                "inventory."
            ), layer="", hosts=hosts)


@rule("fleet", "inventory", severity="warning", source="docs/operations.md (confirmations)")
def confirmations_in_inventory(context: RuleContext) -> Findings:
    """A variable that confirms something for one run is given with -e, and does not stand in the inventory, where it confirms for every run."""
    fleet: Fleet = context.fleet
    members = dict.fromkeys([*fleet.servers, *fleet.agents])
    for name in (one.name for one in catalogue().values() if one.once and one.name not in fleet.extra_variables):
        hosts = tuple(host for host in members if fleet.values_of(host)[name])
        if hosts:
            yield Finding(name, (
                "It confirms something for one run, and in the inventory it confirms that for every run, so no run stops there any more. Remove it "
                f"from the inventory, and give it with -e {name}=true to the run that needs it."
            ), layer="", hosts=hosts)
