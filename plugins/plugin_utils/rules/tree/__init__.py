# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What options mean to each other: rules that stand in the data, and small functions where that takes code.

    broken(rule, block)            what a block breaks of its data's rules
    broken_rules(component, ...)   what a tree breaks of the functions
    listing()                      every rule of trees as words, for the reference
    allowed_names()                what spire_allow takes
"""

from __future__ import annotations

from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import agent
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import agent_path_template as agent_paths
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import akeyless
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import node_attestors as attestors
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import upstream_authorities as authorities
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import environment
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import federation
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import key_managers as keys
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import oidc_provider as provider
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import server
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import ssh_keys
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import strict
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import telemetry
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import workload_attestors as workloads
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree.agent import ONCE
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.block_rules import broken
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree.listing import Listed, listed, listing
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.published import published_certificate
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import FLEET, RULES, Rule, broken_rules, enabled, fleet_rule
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.files import certificate_files, files, readable_key, secret_files

#: modules whose import registers their rules
REGISTERED = (
    agent, agent_paths, akeyless, attestors, authorities, environment, federation, keys, provider, server, ssh_keys, strict, telemetry,
    workloads,
)


def allowed_names() -> list[str]:
    """The names of what strict mode refuses, each of which spire_allow takes."""
    return sorted({rule.allow for rule in (*RULES, *FLEET) if rule.allow})


__all__ = [
    "FLEET", "Listed", "ONCE", "REGISTERED", "RULES", "Rule", "allowed_names", "broken", "broken_rules", "certificate_files",
    "enabled", "files", "fleet_rule", "listed", "listing", "published_certificate", "readable_key", "secret_files",
]
