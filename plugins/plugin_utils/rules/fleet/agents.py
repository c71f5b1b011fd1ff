# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules between an agent and its servers."""

from __future__ import annotations


from ansible_collections.spire.fleet.plugins.plugin_utils.common import urls
from ansible_collections.spire.fleet.plugins.plugin_utils.common.addresses import is_instance, without_brackets
from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import and_list
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet, SERVERS
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import minor_number
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.support import machine, meant, one_trust_domain, servers_of, wrong_release
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree.server import hours, length

_LOCAL = ("127.0.0.1", "::1", "localhost")
#: no longer life of an SVID than a week is sure, and half of it may be gone
_HALF_A_WEEK = 84 * 3600


@rule("fleet", "agent:agent.server_address", source="cmd/spire-agent/cli/run/run.go (NewAgentConfig joins it with server_port), v1.15.3")
def server_address_format(context: RuleContext) -> Findings:
    """The address of an agent's servers is a DNS name or an IP address, without a scheme, port, path or brackets, and no ID of a machine in AWS."""
    planned: Plan = context.plan
    address = str(planned.main.get("server_address") or "")
    if is_instance(address):
        yield Finding("agent.server_address", (
            f"{address} is the ID of a machine in AWS, and no agent can connect to an ID. Set spire_server_address to a name or an address of the "
            "server."
        ))
        return
    bare = urls.without_scheme(address).split("/")[0]
    name, colon, port = bare.rpartition(":")
    with_port = bool(colon and port.isdigit() and (":" not in name or without_brackets(name) != name))
    host = without_brackets(name if with_port else bare)
    if host != address:
        found = "It contains a scheme or a path" if bare != address else "It contains a port" if with_port else "It contains brackets"
        more = f" and {port} as agent.server_port" if with_port else ""
        message = f'{found}, but it must be only a DNS name or an IP address. Write "{host}"{more}.'
        yield Finding("agent.server_address", message)


@rule(
    "fleet", "agent:agent.server_address", severity="warning",
    source="doc/scaling_spire.md (high availability), v1.15.3: agents reach the servers through one address",
)
def address_of_one_server(context: RuleContext) -> Findings:
    """An agent of several servers reaches them by an address that leads to each of them, not by the address of one server."""
    planned: Plan = context.plan
    servers = servers_of(context)
    address = planned.main.get("server_address")
    owner = next((server for server in servers if address in server.own_addresses), None)
    if owner and one_trust_domain(servers) and len({machine(server) for server in servers}) > 1:
        yield Finding("agent.server_address", (
            f"{address} is the address of {owner.host} alone, so the agent has no server while that one is down, although the group has "
            f"{len(servers)} servers. Set spire_server_address to a name or a load balancer that leads to all of them."
        ))


@rule("fleet", "agent:spire_server_group", source="docs/operations.md")
def server_group_of_agent(context: RuleContext) -> Findings:
    """Every host in the group of an agent's servers is in spire_servers too, so that the playbooks install it."""
    fleet: Fleet = context.fleet
    servers = servers_of(context)
    group = fleet.server_group(context.plan.host)
    outside = [server.host for server in servers if server.host not in fleet.servers]
    if outside:
        message = (
            f"{outside[0]} is in {group} but not in {SERVERS}, so no playbook would install a server on it. Make {group} a child group "
            f"of {SERVERS}."
        )
        yield Finding("spire_server_group", message)


@rule(
    "fleet", "agent:agent.trust_domain", "agent:spire_server_group",
    source="both guides to configuring SPIRE (the agent's trust domain must match the server's)",
)
def agent_trust_domain(context: RuleContext) -> Findings:
    """An agent has the same trust domain as its servers."""
    planned: Plan = context.plan
    server = next(iter(servers_of(context)), planned)
    if not (server.trust_domain and planned.trust_domain and server.trust_domain != planned.trust_domain):
        return
    own = [name for name in context.fleet.servers if plan("server", name, context.fleet).trust_domain == planned.trust_domain]
    if own:
        yield Finding("spire_server_group", (
            f"This agent has the trust domain {planned.trust_domain}, and belongs to {server.host} by its group {context.fleet.server_group(planned.host)}, "
            f"which has {server.trust_domain}. Set spire_server_group to a group that holds the servers of {planned.trust_domain} alone ({and_list(own)})."
        ))
    else:
        yield Finding("agent.trust_domain", (
            f"The agent's trust domain is {planned.trust_domain}, but its server {server.host} has {server.trust_domain}. Set the same trust "
            "domain for both."
        ))


@rule("fleet", "agent:spire_version", source="doc/upgrading.md (SPIRE Agent Compatibility), v1.15.3")
def agent_release(context: RuleContext) -> Findings:
    """An agent's release is not newer than that of its oldest server, and at most one minor release older; 1.0 follows 0.12."""
    planned: Plan = context.plan
    servers = servers_of(context)
    if not servers:
        return
    if wrong_release((planned, *servers)):
        return
    oldest = min(server.version for server in servers)
    found = f"The agent has SPIRE {planned.version}, and its oldest server has {oldest}. "
    if planned.version > oldest:
        message = f"{found}An agent must not be newer than its servers. Upgrade the servers first."
        yield Finding("spire_version", message)
    elif minor_number(oldest) - minor_number(planned.version) > 1:
        message = f"{found}An agent can be at most one minor release older. Upgrade one minor release at a time."
        yield Finding("spire_version", message)


@rule(
    "fleet", "agent:agent.server_address", "agent:agent.server_port",
    source="doc/spire_agent.md (server_address, server_port), v1.15.3; both guides (the agents' port follows the server's)",
)
def agent_server_address(context: RuleContext) -> Findings:
    """An agent connects to the address and port that its server listens on, and to its own machine only if the server is there too."""
    planned: Plan = context.plan
    servers = servers_of(context)
    if not servers:
        return
    address, port = str(planned.main.get("server_address") or ""), planned.main.get("server_port")
    here = machine(planned)
    if address in _LOCAL and all(machine(server) != here for server in servers):
        yield Finding("agent.server_address", (
            f"{address} is the agent's own machine, but its server {servers[0].host} is on another one. Remove the option, or set "
            "spire_server_address."
        ))
        return
    if address in ("0.0.0.0", "::"):
        message = f"{address} is not an address that an agent can connect to. Write the address of the server."
        yield Finding("agent.server_address", message)
        return
    server = next((s for s in servers if address in s.own_addresses), None)
    if not server:
        return  # another name, perhaps of a load balancer
    if isinstance(port, int) and port != server.port:
        yield Finding("agent.server_port", (
            f"The server {server.host} listens on port {server.port}, but the agent connects to port {port}. Remove the option: its default "
            "is the port of the agent's servers."
        ))
    if str(server.main.get("bind_address") or "") in _LOCAL and machine(server) != here:
        yield Finding("agent.server_address", (
            f"The server {server.host} listens on {server.main['bind_address']}, which only its own machine can reach. Change "
            "server.bind_address of that server."
        ))


@rule("fleet", "agent:spire_server_group", "agent:spire_trust_bundle", source="docs/enrolment.md")
def agent_without_servers(context: RuleContext) -> Findings:
    """Every agent has servers in the inventory, or it has the address and the trust bundle of servers outside of the inventory."""
    planned: Plan = context.plan
    fleet: Fleet = context.fleet
    if servers_of(context):
        return
    group = fleet.server_group(planned.host)
    if not planned.main.get("server_address"):
        message = (
            f"The agent has no server, because no host is in the group {group}{meant(group, fleet)}. Add the server to that group. If the "
            "servers are not in this inventory, set spire_server_address and spire_trust_bundle."
        )
        yield Finding("spire_server_group", message)
    elif str(planned.main.get("trust_bundle_path", "")) != planned.paths.bundle:
        return  # the tree names another source of the bundle
    elif not planned.values["spire_trust_bundle"]:
        message = (
            "The agent's servers are not in this inventory, so the playbooks can't get their trust bundle. Set spire_trust_bundle to its "
            "certificates in PEM."
        )
        yield Finding("spire_trust_bundle", message)


@rule("fleet", "agent:spire_join_token", severity="warning", source="docs/enrolment.md")
def missing_join_token(context: RuleContext) -> Findings:
    """spire_join_token is set for an agent that attests by join_token and whose servers are not in the inventory, until it has joined."""
    planned: Plan = context.plan
    if servers_of(context):
        return
    if planned.main.get("server_address") and planned.attests_by_token and not planned.values["spire_join_token"]:
        message = (
            "The agent attests by join_token, its servers are not in this inventory, and spire_join_token is not set. If the agent has not "
            "joined yet, the run fails for it: set spire_join_token to a new token, or choose another NodeAttestor. An agent that has joined "
            "needs no token."
        )
        yield Finding("spire_join_token", message)


@rule(
    "fleet", "agent:plugins.KeyManager.memory", allow=True,
    source=(
        "doc/plugin_agent_keymanager_memory.md, and CanReattest of pkg/server/plugin/nodeattestor/httpchallenge, v1.15.3; the newer guide "
        "to configuring SPIRE"
    ),
)
def memory_keys_of_joined_agent(context: RuleContext) -> Findings:
    """An agent that can attest only once, by a join token or by http_challenge, does not keep its keys in memory."""
    planned: Plan = context.plan
    if planned.loses_identity_on_restart and planned.attests_by_token:
        yield Finding("plugins.KeyManager.memory", (
            "Keys in memory are lost at every restart, and a join token is valid once, so every restart of the agent would need a run of the "
            "playbook. Keep the keys on disk, or choose an attestor that lets a node attest again, such as x509pop."
        ))
    elif planned.loses_identity_on_restart and "http_challenge" in planned.plugins("NodeAttestor"):
        yield Finding("plugins.KeyManager.memory", (
            "Keys in memory are lost at every restart, and the servers let a node attest only once by http_challenge. After a restart they "
            "refuse the agent until a run of the playbook evicts it. Keep the keys on disk, or set tofu to false on the servers, with a port "
            "below 1024."
        ))


def _agent_ttl(server: Plan) -> tuple[str, str]:
    """Returns the option that sets the lifetime of an agent's SVID, and its value."""
    for name in ("agent_ttl", "default_x509_svid_ttl", "default_svid_ttl", "svid_ttl"):
        if server.main.get(name):
            return name, str(server.main[name])
    return "default_x509_svid_ttl", "1h"


@rule("fleet", "agent:spire_agent_downtime", source="docs/variables.md (spire_agent_downtime)")
def agent_downtime_format(context: RuleContext) -> Findings:
    """spire_agent_downtime is a duration."""
    given = str(context.plan.values["spire_agent_downtime"] or "")
    if given and servers_of(context) and length(given) is None:
        yield Finding("spire_agent_downtime", 'It is not a duration. Write numbers with the units h, m and s, such as "72h".')


@rule(
    "fleet", "agent:spire_agent_downtime", severity="warning",
    source="pkg/common/rotationutil/rotationutil.go (renewal at half of the life), v1.15.3; docs/enrolment.md",
)
def agent_downtime(context: RuleContext) -> Findings:
    """Half the lifetime of a join_token agent's SVID is at least spire_agent_downtime; otherwise the agent may need a new token."""
    planned: Plan = context.plan
    servers = servers_of(context)
    if not servers:
        return
    given = str(planned.values["spire_agent_downtime"] or "")
    downtime = length(given)
    if not downtime or not planned.attests_by_token:
        return
    for server in servers:
        name, ttl = _agent_ttl(server)
        life = length(ttl)
        if life and life / 2 < downtime:
            remedy = f"Set server.agent_ttl to {hours(downtime * 2)} or more and server.ca_ttl to {hours(downtime * 12)} or more"
            if downtime > _HALF_A_WEEK:
                remedy = "No SVID is sure to live long enough for that. Set a shorter time"
            message = (
                f"The host may be down for {given}, but when it goes down, its SVID may be valid for only half of {name} ({ttl} on "
                f"{server.host}), so the agent could need a new token. {remedy}, or choose an attestor that lets a node attest again, such as "
                "x509pop."
            )
            yield Finding("spire_agent_downtime", message)
            return


@rule(
    "fleet", "agent:agent.availability_target", severity="warning",
    source="pkg/common/rotationutil/rotationutil.go (shouldFallbackX509Default), v1.15.3",
)
def availability_target(context: RuleContext) -> Findings:
    """SVIDs live more than 12 hours longer than availability_target; otherwise SPIRE ignores it and renews them at half of their lifetime."""
    planned: Plan = context.plan
    servers = servers_of(context)
    target = length(str(planned.main.get("availability_target") or ""))
    for server in servers:
        ttl = str(server.main.get("default_x509_svid_ttl") or "1h")
        life = length(ttl)
        if target and life and life - target <= 12 * 3600:
            yield Finding("agent.availability_target", (
                f"default_x509_svid_ttl on {server.host} is {ttl}, but SPIRE uses availability_target only for SVIDs that live more than 12h "
                f"longer than it. Set default_x509_svid_ttl, or x509_svid_ttl of the entries, to {hours(target + 13 * 3600)} or more."
            ))
            return
