# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about the servers of one group, and about groups with the same trust domain."""

from __future__ import annotations


from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet, SERVERS
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import minor_number
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.support import group_of, meant, wrong_release

#: plugins that name the server's keys in a store that others use too
_KEY_STORES = ("aws_kms", "gcp_kms", "azure_key_vault", "hashicorp_vault")


@rule("fleet", "server:spire_server_group", source="docs/variables.md (spire_server_group)")
def server_group(context: RuleContext) -> Findings:
    """A server is in the group that its spire_server_group names, unless the variable is for an agent on the same host."""
    planned: Plan = context.plan
    fleet: Fleet = context.fleet
    group = planned.values["spire_server_group"]
    if planned.host in fleet.groups.get(group, ()) or planned.host in fleet.agents:
        return
    found = f"This server is not in the group {group}" if group in fleet.groups else f"The inventory has no group {group}{meant(group, fleet)}"
    message = f"{found}, so the server would belong to {SERVERS}. Add it to that group, or remove the variable."
    yield Finding("spire_server_group", message)


@rule(
    "fleet", "server:server.trust_domain", severity="warning",
    source="doc/scaling_spire.md (nested SPIRE), v1.15.3; both guides (a trust domain is unique within an organization)",
)
def two_roots(context: RuleContext) -> Findings:
    """Two server groups with the same trust domain have the same root CA: one is nested below the other, or both have an UpstreamAuthority."""
    planned: Plan = context.plan
    fleet: Fleet = context.fleet
    group = fleet.group_of_server(planned.host)
    if _upstream(planned) or not planned.trust_domain or planned.host not in fleet.servers:
        return
    for name in fleet.servers[: fleet.servers.index(planned.host)]:
        other = plan("server", name, fleet)
        if fleet.group_of_server(name) != group and other.trust_domain == planned.trust_domain and not _upstream(other):
            yield Finding("server.trust_domain", (
                f"{other.host} of the group {fleet.group_of_server(name)} has the same trust domain, but neither server has an "
                "UpstreamAuthority, so workloads of one group would not trust those of the other. Give each group its own trust domain and "
                "federate them, or give both the same UpstreamAuthority."
            ))
            return


def _upstream(planned: Plan) -> bool:
    return bool(planned.upstream_authority[1] or planned.values["spire_upstream_server_group"])


@rule(
    "fleet", "server:server.trust_domain",
    source="both guides to configuring SPIRE (each server is associated with a single trust domain)",
)
def server_trust_domain(context: RuleContext) -> Findings:
    """Servers of one group have the same trust domain."""
    planned: Plan = context.plan
    group, _together, before = group_of(context)
    for other in before:
        if other.trust_domain and planned.trust_domain and other.trust_domain != planned.trust_domain:
            yield Finding("server.trust_domain", (
                f"It is {planned.trust_domain} here but {other.trust_domain} on {other.host}, which is also in {group}. If the inventory holds several "
                "fleets, set spire_server_group: give the servers of each fleet a group of their own, and name it for its servers and agents. Servers "
                "of one group must have the same trust domain."
            ))
            return


@rule(
    "fleet", *(f"server:plugins.KeyManager.{store}.plugin_data.key_identifier_value" for store in _KEY_STORES),
    source="doc/plugin_server_keymanager_aws_kms.md (an identifier for the server instance), v1.15.3",
)
def server_key_identifier(context: RuleContext) -> Findings:
    """No two servers of one group have the same key_identifier_value in a key store."""
    planned: Plan = context.plan
    _group, _together, before = group_of(context)
    for store in _KEY_STORES:
        value = planned.plugin_data("KeyManager", store).get("key_identifier_value")
        other = next((o for o in before if value and o.plugin_data("KeyManager", store).get("key_identifier_value") == value), None)
        if other:
            yield Finding(f"plugins.KeyManager.{store}.plugin_data.key_identifier_value", (
                f"The server {other.host} has the same identifier, so the two servers would overwrite each other's keys. Set a different value "
                "for each server, for example the name of the host."
            ))


@rule("fleet", "server:spire_version", source="doc/upgrading.md (SPIRE Server Compatibility), v1.15.3")
def server_release(context: RuleContext) -> Findings:
    """Servers of one group are at most one minor release apart; 1.0 follows 0.12."""
    planned: Plan = context.plan
    group, together, _before = group_of(context)
    others = [other for other in together if other.host != planned.host]
    if not others:
        return
    if wrong_release((planned, *others)):
        return
    newest = max(others, key=lambda other: other.version)
    if minor_number(newest.version) - minor_number(planned.version) > 1:
        message = (
            f"This server has SPIRE {planned.version}, but {newest.host} in the same group {group} has {newest.version}. Servers of one group "
            "can be at most one minor release apart. Upgrade one minor release at a time."
        )
        yield Finding("spire_version", message)
