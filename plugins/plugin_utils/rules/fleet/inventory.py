# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about the inventory as a whole."""

from __future__ import annotations

from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import and_list
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory import unread
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import AGENTS, Fleet, SERVERS
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
