# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold between servers: of one group, of groups with one trust domain, and of trust domains that federate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet, SERVERS
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.fleet import datastores as fleet_datastores, federation as fleet_federation
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.support import at, meant, step, unknown_release
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import fleet_rule

#: plugins that name the server's keys in a store that others use too
_KEY_STORES = ("aws_kms", "gcp_kms", "azure_key_vault", "hashicorp_vault")


def of_server(planned: Plan, fleet: Fleet) -> Iterable[Problem]:
    """What a server has against the others of its group."""
    yield from _group_there(planned, fleet)
    group = fleet.group_of_server(planned.host)
    names = list(fleet.groups.get(group, ()))
    together = [plan("server", name, fleet) for name in names]
    if len(together) > 1:
        others = [other for other in together if other.host != planned.host]
        # what differs is said of the later one
        before = together[: names.index(planned.host)]
        yield from fleet_datastores.check(planned, group, together, before)
        yield from _one_trust_domain(planned, group, before)
        yield from _own_keys(planned, before)
        yield from _servers_near(planned, group, others)
    yield from fleet_federation.check(planned, fleet)
    yield from _one_root(planned, group, fleet)


@fleet_rule("server")
def _group_there(planned: Plan, fleet: Fleet) -> Iterable[Problem]:
    """The group that a server names is there, and the server is in it, unless the name is for the agent of the same host.

    Source: docs/variables.md (spire_server_group)
    """
    group = planned.values["spire_server_group"]
    if planned.host in fleet.groups.get(group, ()) or planned.host in fleet.agents:
        return
    found = f"{group} is a group without this server" if group in fleet.groups else f"No group is called {group}{meant(group, fleet)}"
    message = f"{found}, so it would count as one of {SERVERS}. Put it into that group, or leave the variable out."
    yield Problem("not_in_group", "spire_server_group", message, layer="spire_server_group")


@fleet_rule("server", severity="warning")
def _one_root(planned: Plan, group: str, fleet: Fleet) -> Iterable[Problem]:
    """Two groups of one trust domain have one root: one of them is below the other, or both below an upstream authority.

    Source: doc/scaling_spire.md (nested SPIRE), v1.15.3; both guides (a trust domain is unique within an organization)
    """
    if _upstream(planned) or not planned.trust_domain or planned.host not in fleet.servers:
        return
    for name in fleet.servers[: fleet.servers.index(planned.host)]:
        other = plan("server", name, fleet)
        if fleet.group_of_server(name) != group and other.trust_domain == planned.trust_domain and not _upstream(other):
            yield at(planned, "two_roots", "server.trust_domain", (
                f"{other.host} of the group {fleet.group_of_server(name)} has the same trust domain, and neither has an upstream "
                "authority: workloads of the one would not trust those of the other. Give each a trust domain of its own and "
                "federate them, or both one upstream authority."
            ), "warning")
            return


def _upstream(planned: Plan) -> bool:
    return bool(planned.upstream_authority[1] or planned.values["spire_upstream_server_group"])


@fleet_rule("server")
def _one_trust_domain(planned: Plan, group: str, before: Sequence[Plan]) -> Iterable[Problem]:
    """Servers of one group have one trust domain.

    Source: both guides to configuring SPIRE (each server is associated with a single trust domain)
    """
    for other in before:
        if other.trust_domain and planned.trust_domain and other.trust_domain != planned.trust_domain:
            yield at(planned, "trust_domain_differs", "server.trust_domain", (
                f"It is {planned.trust_domain} here and {other.trust_domain} on {other.host}, and both are in {group}; servers "
                "of one group share one trust domain."
            ))
            return


@fleet_rule("server")
def _own_keys(planned: Plan, before: Sequence[Plan]) -> Iterable[Problem]:
    """No two servers name their keys alike in one key store.

    Source: doc/plugin_server_keymanager_aws_kms.md (an identifier for the server instance), v1.15.3
    """
    for store in _KEY_STORES:
        value = planned.plugin_data("KeyManager", store).get("key_identifier_value")
        other = next((o for o in before if value and o.plugin_data("KeyManager", store).get("key_identifier_value") == value), None)
        if other:
            yield at(planned, "shared_keys", f"plugins.KeyManager.{store}.plugin_data.key_identifier_value", (
                f"The server {other.host} has the same identifier, so the two would take each other's keys away. Servers share a "
                "database, never keys: make it another one on each, for example of the host's name."
            ))


@fleet_rule("server")
def _servers_near(planned: Plan, group: str, others: Sequence[Plan]) -> Iterable[Problem]:
    """Servers of one group are at most one minor release apart; 0.12 is next to 1.0.

    Source: doc/upgrading.md (SPIRE Server Compatibility), v1.15.3
    """
    if unknown_release((planned, *others)):
        return
    newest = max(others, key=lambda other: other.version)
    if step(newest.version) - step(planned.version) > 1:
        message = (
            f"This server is {planned.version}, and {newest.host} of the same group {group} is {newest.version}; servers of one "
            "group may be one minor release apart. Upgrade one minor release at a time."
        )
        yield Problem("server_too_old", "spire_version", message, layer="spire_version")
