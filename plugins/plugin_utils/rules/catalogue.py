# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every rule as words: those of trees, and those that look at an inventory."""

from __future__ import annotations

from ansible_collections.spire.fleet.plugins.plugin_utils.rules.fleet import entry_lifetimes
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.fleet import agents as fleet_agents
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.fleet import attestors as fleet_attestors
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.fleet import datastores as fleet_datastores
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.fleet import federation as fleet_federation
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.fleet import nested as fleet_nested
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.fleet import servers as fleet_servers
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.fleet import release_support as fleet_steps
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.fleet import machines
from ansible_collections.spire.fleet.plugins.plugin_utils.rules import run as rules
from ansible_collections.spire.fleet.plugins.plugin_utils.rules import tree as schema_rules
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.host import strict as strict_mode

#: modules whose import notes their rules
NOTED = (
    entry_lifetimes, fleet_agents, fleet_attestors, fleet_datastores, fleet_federation, fleet_nested, fleet_servers, fleet_steps, machines,
    rules, strict_mode,
)


def everything() -> list[schema_rules.Listed]:
    """Of trees by component and path, then of fleets by component and name."""
    fleets = sorted(schema_rules.FLEET, key=lambda rule: (rule.component, rule.name.strip("_")))
    return [*schema_rules.listing(), *map(schema_rules.listed, fleets)]
