# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about a nested server and its upstream servers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.addresses import without_brackets
from ansible_collections.spire.fleet.plugins.plugin_utils.entries import desired as desired_entries
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory import nested
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet, SERVERS
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.nested import PLUGIN, VARIABLE
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import plugin_options as pki_options
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import minor_number
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.support import meant, wrong_release
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.svid import absolute


def _upstream_servers(context: RuleContext) -> list[Plan]:
    """Returns the plans of the upstream servers of a nested server; none for other servers."""
    if not context.fleet.upstream_group(context.plan.host):
        return []
    return [plan("server", name, context.fleet) for name in nested.parent_servers(context.plan.host, context.fleet)]


@rule("fleet", "server:spire_upstream_server_group", source="docs/nested.md")
def upstream_group(context: RuleContext) -> Findings:
    """The group in spire_upstream_server_group exists, contains only servers, and is not nested below the server's own group."""
    fleet: Fleet = context.fleet
    planned: Plan = context.plan
    group = fleet.upstream_group(planned.host)
    if not group:
        return
    members = fleet.groups.get(group, ())
    stray = next((name for name in members if name not in fleet.server_names), "")
    if not members:
        found = f"The group {group} has no hosts" if group in fleet.groups else f"The inventory has no group {group}{meant(group, fleet)}"
        yield Finding(VARIABLE, (
            f"{found}, so no server can sign this server's CA. Write the inventory group of the upstream servers. If they are not in this "
            f"inventory, remove the variable and configure plugins.UpstreamAuthority.{PLUGIN}."
        ))
    elif stray:
        yield Finding(VARIABLE, f"{stray} is in {group} but not in {SERVERS}. Write the name of a group that contains only servers.")
    elif nested.is_circular(planned.host, fleet):
        line = nested.group_path(planned.host, fleet)
        words = " is below ".join(line)
        yield Finding(VARIABLE, f"{words}, so no group is at the top. Remove the variable for the servers at the top.")


@rule(
    "fleet", "server:plugins.UpstreamAuthority", "server:plugins.UpstreamCA", after=(upstream_group,),
    source="pkg/server/catalog/catalog.go (at most one UpstreamAuthority), v1.15.3",
)
def upstream_authority_of_nested_server(context: RuleContext) -> Findings:
    """A nested server has no other UpstreamAuthority than its upstream servers."""
    planned: Plan = context.plan
    group = context.fleet.upstream_group(planned.host)
    if not group:
        return
    for kind in pki_options.AUTHORITY_KINDS:
        for name in planned.plugins(kind):
            if name != PLUGIN:
                yield Finding(f"plugins.{kind}.{name}", (
                    f"The servers of {group} sign the CA of this server ({VARIABLE}), but the configuration also has the plugin {name}. Remove "
                    "one of the two."
                ))


@rule(
    "fleet", "server:spire_upstream_server_group", after=(upstream_group,),
    source="doc/scaling_spire.md (nested SPIRE), doc/plugin_server_upstreamauthority_spire.md, v1.15.3",
)
def parent_agent(context: RuleContext) -> Findings:
    """The machine of a nested server has an agent of its upstream servers, with the unix workload attestor."""
    planned: Plan = context.plan
    group = context.fleet.upstream_group(planned.host)
    if not group:
        return
    options = pki_options.InjectedOptions(PLUGIN, planned.checked_as, {})
    if planned.merged.origin(f"{options.path}.workload_api_socket") != VARIABLE:
        return  # perhaps an agent that this collection does not manage
    if not planned.parent_agents:
        yield Finding(VARIABLE, (
            f"The server needs an agent of {group} on its own machine, which gives it its identity, but there is no such agent. Add "
            f"{planned.host} to spire_agents, or another host with the same ansible_host and spire_server_group: {group}."
        ))
    for agent in planned.parent_agents:
        if "unix" not in agent.plugins("WorkloadAttestor"):
            yield Finding(VARIABLE, (
                f"The agent {agent.host}, which gives this server its identity, does not have the unix workload attestor. Add "
                "plugins.WorkloadAttestor.unix to its configuration."
            ))


@rule(
    "fleet", "server:spire_upstream_server_group", after=(upstream_group,),
    source="pkg/server/plugin/upstreamauthority/spire (serverClient.start), v1.15.3",
)
def nested_server_svid(context: RuleContext) -> Findings:
    """No other entry matches the process of a nested server, because SPIRE requests its CA with the first SVID that it gets."""
    planned: Plan = context.plan
    fleet: Fleet = context.fleet
    upstream = _upstream_servers(context)
    if not upstream:
        return
    above = upstream[0]
    beside = {agent.host for agent in planned.parent_agents}
    own = {f"unix:user:{planned.user}", f"unix:group:{planned.user}"}
    if planned.user == "root":
        own |= {"unix:uid:0", "unix:gid:0"}
    aliases = absolute(desired_entries.ALIAS_PREFIX, above.trust_domain)
    for path, entry in desired_entries.sound(above):
        group = str(entry["parent_id"]).removeprefix(aliases)
        if beside.intersection(fleet.groups.get(group, ())) and own.issuperset(map(_selector, entry["selectors"])):
            yield Finding(VARIABLE, (
                f"{path} of {above.host} gives each process of the user {planned.user} on this machine the SVID {entry['spiffe_id']}. SPIRE "
                "requests this server's CA with the first SVID that it gets, which may be that one. Set spire_server_user to a user that only "
                "the server has, or choose other selectors for the entry."
            ))


def _selector(given: Any) -> str:
    return f"{given['type']}:{given['value']}" if isinstance(given, Mapping) else str(given)


@rule(
    "fleet", "server:plugins.UpstreamAuthority.spire.plugin_data", after=(upstream_group,),
    source="doc/plugin_server_upstreamauthority_spire.md, v1.15.3; the newer guide to configuring SPIRE",
)
def nested_server_parent(context: RuleContext) -> Findings:
    """A nested server has the trust domain of its upstream server, and connects to the port on which that one listens."""
    planned: Plan = context.plan
    kind, _plugins = planned.upstream_authority
    data = planned.plugin_data(kind, PLUGIN)
    parent = next(iter(_upstream_servers(context)), None) or _named_parent(context)
    if not data or parent is None:
        return
    path = f"plugins.{kind}.{PLUGIN}.plugin_data"
    if parent.trust_domain and planned.trust_domain and parent.trust_domain != planned.trust_domain:
        yield Finding(f"{path}.server_address", (
            f"The upstream server {parent.host} has the trust domain {parent.trust_domain}, but this server has {planned.trust_domain}. Nested "
            "servers must have the same trust domain. To connect two trust domains, use federation."
        ))
    if str(data.get("server_port")) != str(parent.port) and _means(data, parent):
        yield Finding(f"{path}.server_port", f"The server {parent.host} listens on port {parent.port}. Write that port.")


def _named_parent(context: RuleContext) -> Plan | None:
    """Returns the server of this inventory that a tree names as upstream server without spire_upstream_server_group."""
    planned: Plan = context.plan
    if context.fleet.upstream_group(planned.host):
        return None
    kind, _plugins = planned.upstream_authority
    data = planned.plugin_data(kind, PLUGIN)
    servers = (plan("server", name, context.fleet) for name in context.fleet.servers) if data else ()
    return next((server for server in servers if _means(data, server)), None)


def _means(data: Mapping[str, object], server: Plan) -> bool:
    """Whether the address in these options is this server's."""
    return without_brackets(str(data.get("server_address") or "")) in (*server.own_addresses, server.address)


@rule(
    "fleet", "server:plugins.UpstreamAuthority.spire", severity="warning", after=(nested_server_parent,), source="docs/nested.md",
)
def nested_server_without_group(context: RuleContext) -> Findings:
    """spire_upstream_server_group is set for a nested server whose upstream server is in the inventory."""
    parent = _named_parent(context)
    if parent is None:
        return
    kind, _plugins = context.plan.upstream_authority
    yield Finding(f"plugins.{kind}.{PLUGIN}", (
        f"The upstream server {parent.host} is in this inventory, but {VARIABLE} is not set, so the playbooks can't install the two servers in "
        f"the right order and can't create the entry of this server. Set {VARIABLE} to {context.fleet.group_of_server(parent.host)}, and remove "
        "the plugin: the collection then configures it."
    ))


@rule(
    "fleet", "server:spire_version", after=(upstream_group,), source="doc/upgrading.md (SPIRE Server Compatibility), v1.15.3",
)
def nested_server_release(context: RuleContext) -> Findings:
    """A nested server and its upstream servers are at most one minor release apart; 1.0 follows 0.12."""
    planned: Plan = context.plan
    group, above = context.fleet.upstream_group(planned.host), _upstream_servers(context)
    if not above:
        return
    if wrong_release((planned, *above)):
        return
    other = max(above, key=lambda server: abs(minor_number(server.version) - minor_number(planned.version)))
    if abs(minor_number(other.version) - minor_number(planned.version)) > 1:
        yield Finding("spire_version", (
            f"This server has SPIRE {planned.version}, but its upstream server {other.host} in {group} has {other.version}. They can be at most "
            "one minor release apart. Upgrade one minor release at a time."
        ))


@rule("fleet", "server:spire_pki_path_length", source="RFC 5280, 4.2.1.9; docs/pki.md")
def nested_path_length(context: RuleContext) -> Findings:
    """spire_pki_path_length is large enough for the CAs of all tiers of nested servers below the server."""
    planned: Plan = context.plan
    fleet: Fleet = context.fleet
    if planned.upstream is None:
        return
    group = fleet.group_of_server(planned.host)
    lines = [nested.group_path(server, fleet) for server in nested.servers(fleet) if not nested.is_circular(server, fleet)]
    longest = max((line[:line.index(group)] for line in lines if group in line), key=len, default=[])
    wanted = 1 + len(longest)
    if planned.upstream.path_length < wanted:
        tiers = "1 tier" if len(longest) == 1 else f"{len(longest)} tiers"
        yield Finding("spire_pki_path_length", (
            f"It is {planned.upstream.path_length}, but there {'is' if len(longest) == 1 else 'are'} {tiers} of nested servers below "
            f"{group} ({', '.join(reversed(longest))}), whose CAs are below this server's CA. Set it to {wanted} or more."
        ))
