# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules between a nested server and the servers above it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.entries import desired as desired_entries
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory import nested
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet, SERVERS
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.nested import PLUGIN, VARIABLE
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import plugin_options as pki_options
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.support import meant, step, unknown_release
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.svid import absolute


def _upstream_servers(context: RuleContext) -> list[Plan]:
    """Returns the plans of the servers above a nested server; none for other servers."""
    if not context.fleet.upstream_group(context.plan.host):
        return []
    return [plan("server", name, context.fleet) for name in nested.parent_servers(context.plan.host, context.fleet)]


@rule("fleet", "server:spire_upstream_server_group", source="docs/nested.md")
def upstream_group(context: RuleContext) -> Findings:
    """The group above a nested server exists, holds servers alone, and is not, through other groups, the server's own."""
    fleet: Fleet = context.fleet
    planned: Plan = context.plan
    group = fleet.upstream_group(planned.host)
    if not group:
        return
    members = fleet.groups.get(group, ())
    stray = next((name for name in members if name not in fleet.server_names), "")
    if not members:
        found = f"{group} has no hosts" if group in fleet.groups else f"No group is called {group}{meant(group, fleet)}"
        yield Finding(VARIABLE, (
            f"{found}, so there is nobody to sign this server's CA. Name the inventory group of the servers above it, or, where they "
            f"are not in this inventory, leave the variable out and name them in plugins.UpstreamAuthority.{PLUGIN}."
        ))
    elif stray:
        yield Finding(VARIABLE, f"{stray} of {group} is not in {SERVERS}. Name a group of servers alone.")
    elif nested.is_circular(planned.host, fleet):
        line = nested.group_path(planned.host, fleet)
        words = " is below ".join(line)
        yield Finding(VARIABLE, f"{words}, so that nobody is at the top. Leave the variable out for the servers at the top.")


@rule(
    "fleet", "server:plugins.UpstreamAuthority", "server:plugins.UpstreamCA", after=(upstream_group,),
    source="pkg/server/catalog/catalog.go (at most one UpstreamAuthority), v1.15.3",
)
def upstream_authority_of_nested_server(context: RuleContext) -> Findings:
    """A nested server names no other upstream authority than the servers above it."""
    planned: Plan = context.plan
    group = context.fleet.upstream_group(planned.host)
    if not group:
        return
    for kind in pki_options.AUTHORITY_KINDS:
        for name in planned.plugins(kind):
            if name != PLUGIN:
                yield Finding(f"plugins.{kind}.{name}", (
                    f"The CA of this server is signed by the servers of {group} ({VARIABLE}), and the tree names {name}. Take one of "
                    "the two out."
                ))


@rule(
    "fleet", "server:spire_upstream_server_group", after=(upstream_group,),
    source="doc/scaling_spire.md (nested SPIRE), doc/plugin_server_upstreamauthority_spire.md, v1.15.3",
)
def parent_agent(context: RuleContext) -> Findings:
    """On the machine of a nested server is an agent of the servers above it, which attests workloads by their user."""
    planned: Plan = context.plan
    group = context.fleet.upstream_group(planned.host)
    if not group:
        return
    options = pki_options.InjectedOptions(PLUGIN, planned.version, {})
    if planned.merged.origin(f"{options.path}.workload_api_socket") != VARIABLE:
        return  # an agent of somebody else's, perhaps
    if not planned.parent_agents:
        yield Finding(VARIABLE, (
            f"The server has its identity from an agent of {group} on its own machine, and no such agent is there. Put "
            f"{planned.host} into spire_agents, or another host with its ansible_host and spire_server_group: {group}."
        ))
    for agent in planned.parent_agents:
        if "unix" not in agent.plugins("WorkloadAttestor"):
            yield Finding(VARIABLE, (
                f"The agent {agent.host}, from which this server has its identity, does not attest workloads by their user. Add "
                "plugins.WorkloadAttestor.unix to it."
            ))


@rule(
    "fleet", "server:spire_upstream_server_group", after=(upstream_group,),
    source="pkg/server/plugin/upstreamauthority/spire (serverClient.start), v1.15.3",
)
def nested_server_svid(context: RuleContext) -> Findings:
    """No other entry gives a nested server's process an SVID: SPIRE asks for the CA with the first that it gets."""
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
                f"{path} of {above.host} gives each process of the user {planned.user} on this machine the SVID {entry['spiffe_id']}, and "
                "SPIRE asks for this server's CA with the first SVID that it gets. Let spire_server_user be a user of the server's "
                "own, or choose other selectors there."
            ))


def _selector(given: Any) -> str:
    return f"{given['type']}:{given['value']}" if isinstance(given, Mapping) else str(given)


@rule(
    "fleet", "server:plugins.UpstreamAuthority.spire.plugin_data", after=(upstream_group,),
    source="doc/plugin_server_upstreamauthority_spire.md, v1.15.3; the newer guide to configuring SPIRE",
)
def nested_server_parent(context: RuleContext) -> Findings:
    """A nested server has its parent's trust domain, and connects to a port where the parent listens."""
    planned: Plan = context.plan
    kind, _plugins = planned.upstream_authority
    data = planned.plugin_data(kind, PLUGIN)
    parent = next(iter(_upstream_servers(context)), None) or _named_parent(context)
    if not data or parent is None:
        return
    path = f"plugins.{kind}.{PLUGIN}.plugin_data"
    if parent.trust_domain and planned.trust_domain and parent.trust_domain != planned.trust_domain:
        yield Finding(f"{path}.server_address", (
            f"The server {parent.host} is of {parent.trust_domain}, and this one of {planned.trust_domain}; nested servers share "
            "one trust domain. To join two, use federation."
        ))
    if str(data.get("server_port")) != str(parent.port) and _means(data, parent):
        yield Finding(f"{path}.server_port", f"The server {parent.host} listens on port {parent.port}; write that.")


def _named_parent(context: RuleContext) -> Plan | None:
    """Returns the server of this inventory that a tree names as the parent without spire_upstream_server_group."""
    planned: Plan = context.plan
    if context.fleet.upstream_group(planned.host):
        return None
    kind, _plugins = planned.upstream_authority
    data = planned.plugin_data(kind, PLUGIN)
    servers = (plan("server", name, context.fleet) for name in context.fleet.servers) if data else ()
    return next((server for server in servers if _means(data, server)), None)


def _means(data: Mapping[str, object], server: Plan) -> bool:
    """Whether the address in these options is this server's."""
    address = str(data.get("server_address") or "")
    return bool(address) and address in (server.host, server.values.raw.get("ansible_host"), server.values["spire_server_address"])


@rule(
    "fleet", "server:plugins.UpstreamAuthority.spire", severity="warning", after=(nested_server_parent,), source="docs/nested.md",
)
def nested_server_without_group(context: RuleContext) -> Findings:
    """A nested server whose parent is in the inventory names the parent's group, so that order and entry follow."""
    parent = _named_parent(context)
    if parent is None:
        return
    kind, _plugins = context.plan.upstream_authority
    yield Finding(f"plugins.{kind}.{PLUGIN}", (
        f"{parent.host} is in this inventory, and neither the order of the two nor the entry that this server needs there is known. "
        f"Set {VARIABLE} to {context.fleet.group_of_server(parent.host)}, and leave the plugin out of the tree: its options follow."
    ))


@rule(
    "fleet", "server:spire_version", after=(upstream_group,), source="doc/upgrading.md (SPIRE Server Compatibility), v1.15.3",
)
def nested_server_release(context: RuleContext) -> Findings:
    """A nested server and those above it are at most one minor release apart; 0.12 is next to 1.0."""
    planned: Plan = context.plan
    group, above = context.fleet.upstream_group(planned.host), _upstream_servers(context)
    if not above:
        return
    if unknown_release((planned, *above)):
        return
    other = max(above, key=lambda server: abs(step(server.version) - step(planned.version)))
    if abs(step(other.version) - step(planned.version)) > 1:
        yield Finding("spire_version", (
            f"This server is {planned.version}, and {other.host} of the group {group} above it is {other.version}; they may be one "
            "minor release apart. Upgrade one minor release at a time."
        ))


@rule("fleet", "server:spire_pki_path_length", source="RFC 5280, 4.2.1.9; docs/pki.md")
def nested_path_length(context: RuleContext) -> Findings:
    """The intermediate above a server's CA lets the CAs of all tiers below it be signed."""
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
            f"It is {planned.upstream.path_length}, and there {'is' if len(longest) == 1 else 'are'} {tiers} of nested servers below "
            f"{group} ({', '.join(reversed(longest))}), whose CAs stand below this server's. Set it to {wanted} or more."
        ))
