# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every rule as words: those of trees, and those that look at an inventory."""

from __future__ import annotations

from ansible_collections.spire.fleet.plugins.plugin_utils.rules import run as rules_run, tree as schema_rules
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.fleet import (
    agents as fleet_agents, attestors as fleet_attestors, datastores as fleet_datastores, entry_lifetimes, federation as fleet_federation,
    machines, nested as fleet_nested, release_support, servers as fleet_servers,
)
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.host import strict

#: modules whose import notes their rules
NOTED = (
    entry_lifetimes, fleet_agents, fleet_attestors, fleet_datastores, fleet_federation, fleet_nested, fleet_servers, release_support, machines,
    rules_run, strict,
)


def everything() -> list[schema_rules.Listed]:
    """Of trees by component and path, then of fleets by component and name."""
    fleets = sorted(schema_rules.FLEET, key=lambda rule: (rule.component, rule.name.strip("_")))
    return [*schema_rules.listing(), *map(schema_rules.listed, fleets)]
