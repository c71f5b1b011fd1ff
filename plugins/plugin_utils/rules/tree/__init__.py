# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What options mean to each other: rules that stand in the data, and small functions where that takes code.

        broken_rules(component, ...)   what a tree breaks of the functions
    listing()                      every rule of trees as words, for the reference
    allowed_names()                what spire_allow takes
"""

from __future__ import annotations

from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import FLEET, RULES, Rule, broken_rules, fleet_rule
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import (
    agent, agent_path_template, akeyless, environment, federation, key_managers as keys, node_attestors as attestors,
    oidc_provider as provider, server, ssh_keys, strict, telemetry, upstream_authorities as authorities, workload_attestors as workloads,
)
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree.agent import ONCE
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree.listing import Listed, listed, listing

#: modules whose import registers their rules
REGISTERED = (
    agent, agent_path_template, akeyless, attestors, authorities, environment, federation, keys, provider, server, ssh_keys, strict, telemetry,
    workloads,
)


def allowed_names() -> list[str]:
    """The names of what strict mode refuses, each of which spire_allow takes."""
    return sorted({rule.allow for rule in (*RULES, *FLEET) if rule.allow})


__all__ = [
    "FLEET", "Listed", "ONCE", "REGISTERED", "RULES", "Rule", "allowed_names", "broken_rules", "fleet_rule", "listed", "listing",
]
