# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold between an agent and its servers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ansible_collections.spire.fleet.plugins.plugin_utils.common import urls
from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet, SERVERS
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.fleet import attestors as fleet_attestors
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.host import trust_bundle
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.support import at, machine, meant, step, unknown_release
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import fleet_rule
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree.server import hours, length

_LOCAL = ("127.0.0.1", "::1", "localhost")
#: the longest life of an SVID is a week, and half of it may be gone
_HALF_A_WEEK = 84 * 3600


def of_agent(planned: Plan, fleet: Fleet) -> Iterable[Problem]:
    """What an agent has against its servers."""
    yield from _address(planned)
    yield from trust_bundle.check_pins(planned)
    names = fleet.servers_of(planned.host)
    if not names:
        yield from _external(planned, fleet)
        yield from _token(planned)
        yield from _memory_keys(planned)
        return
    servers = [plan("server", name, fleet) for name in names]
    yield from _servers_listed(fleet.server_group(planned.host), servers, fleet)
    yield from _same_trust_domain(planned, servers[0])
    yield from fleet_attestors.check(planned, servers)
    yield from _versions(planned, servers)
    yield from _reachable(planned, servers, fleet)
    yield from _memory_keys(planned)
    yield from _downtime(planned, servers)
    yield from _availability(planned, servers)


@fleet_rule("agent")
def _address(planned: Plan) -> Iterable[Problem]:
    """An address of servers is a name or an IP address, without scheme and port.

    Source: cmd/spire-agent/cli/run/run.go (NewAgentConfig joins it with server_port), v1.15.3
    """
    address = str(planned.main.get("server_address") or "")
    bare = urls.without_scheme(address).split("/")[0]
    name, colon, port = bare.rpartition(":")
    with_port = bool(colon and port.isdigit() and ":" not in name)
    if address and (bare != address or with_port):
        found = "It has a scheme or a path" if bare != address else "It has a port"
        host = name if with_port else bare
        more = f" and {port} as agent.server_port" if with_port else ""
        message = f'{found}, and it must be a name or an IP address alone: write "{host}"{more}.'
        yield at(planned, "address", "agent.server_address", message)


@fleet_rule("agent")
def _servers_listed(group: str, servers: Sequence[Plan], fleet: Fleet) -> Iterable[Problem]:
    """The group of an agent's servers is a part of spire_servers, so that a playbook makes them.

    Source: docs/operations.md
    """
    outside = [server.host for server in servers if server.host not in fleet.servers]
    if outside:
        message = (
            f"{outside[0]} is in {group} and not in {SERVERS}, so no playbook would make it a server. Make {group} a child "
            f"of {SERVERS}."
        )
        yield Problem("server_outside", "spire_server_group", message, layer="spire_server_group")


@fleet_rule("agent")
def _same_trust_domain(planned: Plan, server: Plan) -> Iterable[Problem]:
    """An agent is of its servers' trust domain.

    Source: both guides to configuring SPIRE (the agent's trust domain must match the server's)
    """
    if server.trust_domain and planned.trust_domain and server.trust_domain != planned.trust_domain:
        yield at(planned, "trust_domain_differs", "agent.trust_domain", (
            f"The agent is of {planned.trust_domain}, its server {server.host} of {server.trust_domain}; they must be the "
            "same."
        ))


@fleet_rule("agent")
def _versions(planned: Plan, servers: Sequence[Plan]) -> Iterable[Problem]:
    """An agent is never newer than its oldest server, and at most one minor release older; 0.12 is next to 1.0.

    Source: doc/upgrading.md (SPIRE Agent Compatibility), v1.15.3
    """
    if unknown_release((planned, *servers)):
        return
    oldest = min(server.version for server in servers)
    found = f"The agent is {planned.version}, its oldest server {oldest}; "
    if planned.version > oldest:
        message = f"{found}an agent must never be newer. Upgrade the servers first."
        yield Problem("agent_newer", "spire_version", message, layer="spire_version")
    elif step(oldest) - step(planned.version) > 1:
        message = f"{found}agents may be one minor release older. Upgrade one minor release at a time."
        yield Problem("agent_too_old", "spire_version", message, layer="spire_version")


@fleet_rule("agent")
def _reachable(planned: Plan, servers: Sequence[Plan], fleet: Fleet) -> Iterable[Problem]:
    """An agent asks a port where its server listens, at an address that is not its own machine's unless the server is there too.

    Source: doc/spire_agent.md (server_address, server_port), v1.15.3; both guides (the agents' port follows the server's)
    """
    address, port = str(planned.main.get("server_address") or ""), planned.main.get("server_port")
    here = machine(planned)
    if address in _LOCAL and all(machine(server) != here for server in servers):
        yield at(planned, "address_local", "agent.server_address", (
            f"{address} is the agent's own machine, and its server {servers[0].host} is another one. Leave it out, or set "
            "spire_server_address."
        ))
        return
    if address in ("0.0.0.0", "::"):
        message = f"{address} means every address to a server and none to an agent; name the server."
        yield at(planned, "address_none", "agent.server_address", message)
        return
    server = next((s for s in servers if address in (s.host, s.values.raw.get("ansible_host"))), None)
    if not server:
        return  # a name of its own, perhaps of a load balancer
    if isinstance(port, int) and port != server.port:
        yield at(planned, "port_unheard", "agent.server_port", (
            f"The server {server.host} listens on port {server.port}, and the agent asks port {port}. Leave it out: agents follow "
            "their servers."
        ))
    if str(server.main.get("bind_address") or "") in _LOCAL and machine(server) != here:
        yield at(planned, "server_local", "agent.server_address", (
            f"The server {server.host} listens on {server.main['bind_address']}, where its own machine alone can reach it. Change "
            "server.bind_address there."
        ))


@fleet_rule("agent")
def _external(planned: Plan, fleet: Fleet) -> Iterable[Problem]:
    """Every agent has servers in the inventory, or an address and a bundle of servers elsewhere.

    Source: docs/enrolment.md
    """
    group = fleet.server_group(planned.host)
    if not planned.main.get("server_address"):
        message = (
            f"The agent has no server: no host is in {group}{meant(group, fleet)}. Put the server into that group, or, where the "
            "servers are not in this inventory, set spire_server_address and spire_trust_bundle."
        )
        yield Problem("no_server", "spire_server_group", message)
    elif str(planned.main.get("trust_bundle_path", "")) != planned.paths.bundle:
        return  # the tree says where another comes from
    elif planned.values["spire_trust_bundle"]:
        yield from trust_bundle.check_bundle(planned)
    else:
        message = (
            "The agent's servers are not in this inventory, so nobody can be asked for their trust bundle. "
            "Set spire_trust_bundle to its certificates in PEM."
        )
        yield Problem("no_bundle", "spire_trust_bundle", message)


@fleet_rule("agent", severity="warning")
def _token(planned: Plan) -> Iterable[Problem]:
    """An agent of servers elsewhere that attests by join_token is given a token, which it needs until it has joined.

    Source: docs/enrolment.md
    """
    if planned.main.get("server_address") and planned.attests_by_token and not planned.values["spire_join_token"]:
        message = (
            "The agent attests by join_token, its servers are not in this inventory, and no token is given. If it has not joined yet, the "
            "run stops for it: set spire_join_token to a fresh one, or choose another NodeAttestor. An agent that has joined needs none."
        )
        yield Problem("no_token", "spire_join_token", message, severity="warning")


@fleet_rule("agent", allow="memory_keys")
def _memory_keys(planned: Plan) -> Iterable[Problem]:
    """An agent that joined by token, or by http_challenge where that attests once, keeps its keys through a restart.

    Source: doc/plugin_agent_keymanager_memory.md, and CanReattest of pkg/server/plugin/nodeattestor/httpchallenge, v1.15.3; the newer
    guide to configuring SPIRE
    """
    if planned.loses_identity_on_restart and planned.attests_by_token:
        yield at(planned, "memory_keys_with_token", "plugins.KeyManager.memory", (
            "Keys in memory are lost at every restart, and a join token works once, so the agent could not come back by "
            "itself: every restart takes a run of the playbook. Keep the keys on disk, or choose an attestor that can attest again, such "
            "as x509pop."
        ), allow="memory_keys")
    elif planned.loses_identity_on_restart and "http_challenge" in planned.plugins("NodeAttestor"):
        yield at(planned, "memory_keys_once", "plugins.KeyManager.memory", (
            "Keys in memory are lost at every restart, and its servers take one attestation by http_challenge: they would refuse the agent until "
            "it is evicted there, which takes a run of the playbook. Keep the keys on disk, or set tofu to false on the servers, with a port "
            "below 1024."
        ), allow="memory_keys")


def _agent_ttl(server: Plan) -> tuple[str, str]:
    """The option that says how long an agent's SVID lives, and its value."""
    for name in ("agent_ttl", "default_x509_svid_ttl", "default_svid_ttl", "svid_ttl"):
        if server.main.get(name):
            return name, str(server.main[name])
    return "default_x509_svid_ttl", "1h"


@fleet_rule("agent", severity="warning")
def _downtime(planned: Plan, servers: Sequence[Plan]) -> Iterable[Problem]:
    """The SVID of a join-token agent outlives the time that its host may be down (spire_agent_downtime), or it can't come back.

    Source: pkg/common/rotationutil/rotationutil.go (renewal at half of the life), v1.15.3; docs/enrolment.md
    """
    given = str(planned.values["spire_agent_downtime"] or "")
    downtime = length(given)
    if given and downtime is None:
        message = 'It must be a duration such as "72h": numbers with the units h, m and s.'
        yield Problem("duration", "spire_agent_downtime", message, "spire_agent_downtime")
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
            yield Problem("downtime", "spire_agent_downtime", message, "spire_agent_downtime", severity="warning")
            return


@fleet_rule("agent", severity="warning")
def _availability(planned: Plan, servers: Sequence[Plan]) -> Iterable[Problem]:
    """SVIDs live more than 12 hours longer than availability_target, or SPIRE goes by half of their life.

    Source: pkg/common/rotationutil/rotationutil.go (shouldFallbackX509Default), v1.15.3
    """
    target = length(str(planned.main.get("availability_target") or ""))
    for server in servers:
        ttl = str(server.main.get("default_x509_svid_ttl") or "1h")
        life = length(ttl)
        if target and life and life - target <= 12 * 3600:
            yield at(planned, "availability", "agent.availability_target", (
                f"default_x509_svid_ttl on {server.host} is {ttl}, and SPIRE heeds the target only for SVIDs that live more than "
                f"12h longer than it. Set {hours(target + 13 * 3600)} or more there, or in the entries."
            ), "warning")
            return
