# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules between an agent and its servers."""

from __future__ import annotations


from ansible_collections.spire.fleet.plugins.plugin_utils.common import urls
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet, SERVERS
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.support import machine, meant, servers_of, step, unknown_release
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree.server import hours, length

_LOCAL = ("127.0.0.1", "::1", "localhost")
#: the longest life of an SVID is a week, and half of it may be gone
_HALF_A_WEEK = 84 * 3600


@rule("fleet", "agent:agent.server_address", source="cmd/spire-agent/cli/run/run.go (NewAgentConfig joins it with server_port), v1.15.3")
def server_address_format(context: RuleContext) -> Findings:
    """The address of an agent's servers is a name or an IP address, without scheme and port."""
    planned: Plan = context.plan
    address = str(planned.main.get("server_address") or "")
    bare = urls.without_scheme(address).split("/")[0]
    name, colon, port = bare.rpartition(":")
    with_port = bool(colon and port.isdigit() and ":" not in name)
    if address and (bare != address or with_port):
        found = "It has a scheme or a path" if bare != address else "It has a port"
        host = name if with_port else bare
        more = f" and {port} as agent.server_port" if with_port else ""
        message = f'{found}, and it must be a name or an IP address alone: write "{host}"{more}.'
        yield Finding("agent.server_address", message)


@rule("fleet", "agent:spire_server_group", source="docs/operations.md")
def server_group_of_agent(context: RuleContext) -> Findings:
    """The group of an agent's servers is a part of spire_servers, so that a playbook installs them."""
    fleet: Fleet = context.fleet
    servers = servers_of(context)
    group = fleet.server_group(context.plan.host)
    outside = [server.host for server in servers if server.host not in fleet.servers]
    if outside:
        message = (
            f"{outside[0]} is in {group} and not in {SERVERS}, so no playbook would make it a server. Make {group} a child "
            f"of {SERVERS}."
        )
        yield Finding("spire_server_group", message)


@rule(
    "fleet", "agent:agent.trust_domain",
    source="both guides to configuring SPIRE (the agent's trust domain must match the server's)",
)
def agent_trust_domain(context: RuleContext) -> Findings:
    """An agent has the trust domain of its servers."""
    planned: Plan = context.plan
    server = next(iter(servers_of(context)), planned)
    if server.trust_domain and planned.trust_domain and server.trust_domain != planned.trust_domain:
        yield Finding("agent.trust_domain", (
            f"The agent is of {planned.trust_domain}, its server {server.host} of {server.trust_domain}; they must be the "
            "same."
        ))


@rule("fleet", "agent:spire_version", source="doc/upgrading.md (SPIRE Agent Compatibility), v1.15.3")
def agent_release(context: RuleContext) -> Findings:
    """An agent is never newer than its oldest server, and at most one minor release older; 0.12 is next to 1.0."""
    planned: Plan = context.plan
    servers = servers_of(context)
    if not servers:
        return
    if unknown_release((planned, *servers)):
        return
    oldest = min(server.version for server in servers)
    found = f"The agent is {planned.version}, its oldest server {oldest}; "
    if planned.version > oldest:
        message = f"{found}an agent must never be newer. Upgrade the servers first."
        yield Finding("spire_version", message)
    elif step(oldest) - step(planned.version) > 1:
        message = f"{found}agents may be one minor release older. Upgrade one minor release at a time."
        yield Finding("spire_version", message)


@rule(
    "fleet", "agent:agent.server_address", "agent:agent.server_port",
    source="doc/spire_agent.md (server_address, server_port), v1.15.3; both guides (the agents' port follows the server's)",
)
def agent_server_address(context: RuleContext) -> Findings:
    """An agent connects to a port where its server listens, and to its own machine only where the server is there too."""
    planned: Plan = context.plan
    servers = servers_of(context)
    if not servers:
        return
    address, port = str(planned.main.get("server_address") or ""), planned.main.get("server_port")
    here = machine(planned)
    if address in _LOCAL and all(machine(server) != here for server in servers):
        yield Finding("agent.server_address", (
            f"{address} is the agent's own machine, and its server {servers[0].host} is another one. Leave it out, or set "
            "spire_server_address."
        ))
        return
    if address in ("0.0.0.0", "::"):
        message = f"{address} means every address to a server and none to an agent; name the server."
        yield Finding("agent.server_address", message)
        return
    server = next((s for s in servers if address in (s.host, s.values.raw.get("ansible_host"))), None)
    if not server:
        return  # a name of its own, perhaps of a load balancer
    if isinstance(port, int) and port != server.port:
        yield Finding("agent.server_port", (
            f"The server {server.host} listens on port {server.port}, and the agent asks port {port}. Leave it out: agents follow "
            "their servers."
        ))
    if str(server.main.get("bind_address") or "") in _LOCAL and machine(server) != here:
        yield Finding("agent.server_address", (
            f"The server {server.host} listens on {server.main['bind_address']}, where its own machine alone can reach it. Change "
            "server.bind_address there."
        ))


@rule("fleet", "agent:spire_server_group", "agent:spire_trust_bundle", source="docs/enrolment.md")
def agent_without_servers(context: RuleContext) -> Findings:
    """Every agent has servers in the inventory, or an address and a trust bundle of servers elsewhere."""
    planned: Plan = context.plan
    fleet: Fleet = context.fleet
    if servers_of(context):
        return
    group = fleet.server_group(planned.host)
    if not planned.main.get("server_address"):
        message = (
            f"The agent has no server: no host is in {group}{meant(group, fleet)}. Put the server into that group, or, where the "
            "servers are not in this inventory, set spire_server_address and spire_trust_bundle."
        )
        yield Finding("spire_server_group", message)
    elif str(planned.main.get("trust_bundle_path", "")) != planned.paths.bundle:
        return  # the tree names another source of the bundle
    elif not planned.values["spire_trust_bundle"]:
        message = (
            "The agent's servers are not in this inventory, so nobody can be asked for their trust bundle. "
            "Set spire_trust_bundle to its certificates in PEM."
        )
        yield Finding("spire_trust_bundle", message)


@rule("fleet", "agent:spire_join_token", severity="warning", source="docs/enrolment.md")
def missing_join_token(context: RuleContext) -> Findings:
    """An agent of servers elsewhere that attests by join_token has a token, which it needs until it has joined."""
    planned: Plan = context.plan
    if servers_of(context):
        return
    if planned.main.get("server_address") and planned.attests_by_token and not planned.values["spire_join_token"]:
        message = (
            "The agent attests by join_token, its servers are not in this inventory, and no token is given. If it has not joined yet, the "
            "run stops for it: set spire_join_token to a fresh one, or choose another NodeAttestor. An agent that has joined needs none."
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
    """An agent that joined by token, or by http_challenge where that attests once, keeps its keys through a restart."""
    planned: Plan = context.plan
    if planned.loses_identity_on_restart and planned.attests_by_token:
        yield Finding("plugins.KeyManager.memory", (
            "Keys in memory are lost at every restart, and a join token works once, so the agent could not come back by "
            "itself: every restart takes a run of the playbook. Keep the keys on disk, or choose an attestor that can attest again, such "
            "as x509pop."
        ))
    elif planned.loses_identity_on_restart and "http_challenge" in planned.plugins("NodeAttestor"):
        yield Finding("plugins.KeyManager.memory", (
            "Keys in memory are lost at every restart, and its servers take one attestation by http_challenge: they would refuse the agent until "
            "it is evicted there, which takes a run of the playbook. Keep the keys on disk, or set tofu to false on the servers, with a port "
            "below 1024."
        ))


def _agent_ttl(server: Plan) -> tuple[str, str]:
    """Returns the option that sets how long an agent's SVID lives, and its value."""
    for name in ("agent_ttl", "default_x509_svid_ttl", "default_svid_ttl", "svid_ttl"):
        if server.main.get(name):
            return name, str(server.main[name])
    return "default_x509_svid_ttl", "1h"


@rule("fleet", "agent:spire_agent_downtime", source="docs/variables.md (spire_agent_downtime)")
def agent_downtime_format(context: RuleContext) -> Findings:
    """spire_agent_downtime is a duration."""
    given = str(context.plan.values["spire_agent_downtime"] or "")
    if given and servers_of(context) and length(given) is None:
        yield Finding("spire_agent_downtime", 'It must be a duration such as "72h": numbers with the units h, m and s.')


@rule(
    "fleet", "agent:spire_agent_downtime", severity="warning",
    source="pkg/common/rotationutil/rotationutil.go (renewal at half of the life), v1.15.3; docs/enrolment.md",
)
def agent_downtime(context: RuleContext) -> Findings:
    """The SVID of a join-token agent outlives the time that its host may be down (spire_agent_downtime), or it can't come back."""
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
            remedy = f"Set server.agent_ttl to {hours(downtime * 2)} and server.ca_ttl to {hours(downtime * 12)} or more"
            if downtime > _HALF_A_WEEK:
                remedy = "No SVID lives that long: shorten the time"
            message = (
                f"The host may be down for {given}, and half of {name} ({ttl}) on {server.host} is all that an SVID is sure to "
                f"live on, so the agent would need a new token. {remedy}, or choose an attestor that can attest again, such as "
                "x509pop."
            )
            yield Finding("spire_agent_downtime", message)
            return


@rule(
    "fleet", "agent:agent.availability_target", severity="warning",
    source="pkg/common/rotationutil/rotationutil.go (shouldFallbackX509Default), v1.15.3",
)
def availability_target(context: RuleContext) -> Findings:
    """SVIDs live more than 12 hours longer than availability_target, or SPIRE renews them at half of their life."""
    planned: Plan = context.plan
    servers = servers_of(context)
    target = length(str(planned.main.get("availability_target") or ""))
    for server in servers:
        ttl = str(server.main.get("default_x509_svid_ttl") or "1h")
        life = length(ttl)
        if target and life and life - target <= 12 * 3600:
            yield Finding("agent.availability_target", (
                f"default_x509_svid_ttl on {server.host} is {ttl}, and SPIRE heeds the target only for SVIDs that live more than "
                f"12h longer than it. Set {hours(target + 13 * 3600)} or more there, or in the entries."
            ))
            return
