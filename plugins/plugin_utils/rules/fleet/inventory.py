# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rule about the inventory as a whole."""

from __future__ import annotations

from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import AGENTS, SERVERS
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule


@rule("fleet", "inventory", source="docs/checks.md")
def empty_inventory(context: RuleContext) -> Findings:
    """The inventory has at least one server or agent."""
    if not context.fleet.servers and not context.fleet.agents:
        yield Finding("inventory", f"The inventory has no host in {SERVERS} and no host in {AGENTS}. Add your hosts to these groups.")
