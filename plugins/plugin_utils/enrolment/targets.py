# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds which servers mint tokens, evict agents and delete entries, and for which agents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.entries import desired as desired_entries
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory import nested
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan

#: SPIRE's default for the lifetime of a token. A token must be valid until its whole wave of agents has started, so a second is added for
#: each agent: a server accepts one attestation a second from each source address.
TOKEN_TTL = 600


def targets(fleet: Fleet, hosts: Iterable[str]) -> list[dict[str, Any]]:
    """Returns the server to ask for each server group of these hosts."""
    return [_target(fleet, group, servers[0]) for group, servers in sorted(fleet.server_groups(list(hosts)).items())]


def _target(fleet: Fleet, group: str, name: str) -> dict[str, Any]:
    server = plan("server", name, fleet)
    return {
        "group": group,
        "server": server.host,
        "binary": server.binary,
        "socket_path": server.socket,
        "trust_domain": server.trust_domain,
    }


def _of_each(fleet: Fleet, agents: Iterable[str]) -> Iterator[tuple[dict[str, Any], list[str]]]:
    """Yields the server to ask for each server group of these agents, with its agents among them."""
    agents = list(agents)
    for target in targets(fleet, agents):
        own = [agent for agent in agents if fleet.server_group(agent) == target["group"]]
        if own:
            yield target, own


def join_token_targets(fleet: Fleet, needy: Iterable[str], start_timeout: int) -> list[dict[str, Any]]:
    """Returns for each server group its agents that need a token, and how long their tokens must be valid."""
    return [
        {**target, "agents": agents, "ttl": TOKEN_TTL + start_timeout + len(agents)}
        for target, agents in _of_each(fleet, needy)
    ]


def evict_targets(fleet: Fleet, identities: Mapping[str, str]) -> list[dict[str, Any]]:
    """Returns for each server group the SPIFFE IDs to evict, and the aliases' entries, whose parents are the agents' former SPIFFE IDs."""
    return _with_ids(fleet, {agent: _known_ids(plan("agent", agent, fleet), own) for agent, own in identities.items()})


def _known_ids(agent: Plan, own: str) -> list[str]:
    """Returns the SPIFFE ID that the agent has on its host, and the one that its attestor will give it."""
    name = agent.plugin_data("NodeAttestor", "http_challenge").get("hostname")
    return [*([own] if own else []), *([f"spiffe://{agent.trust_domain}/spire/agent/http_challenge/{name}"] if name else [])]


def decommission_targets(fleet: Fleet, identities: Mapping[str, str]) -> list[dict[str, Any]]:
    """Returns for each server group the SPIFFE IDs and entries of these agents."""
    return _with_ids(fleet, {agent: [own] if own else [] for agent, own in identities.items()})


def _with_ids(fleet: Fleet, ids: Mapping[str, list[str]]) -> list[dict[str, Any]]:
    return [
        {
            **target,
            "ids": [spiffe_id for agent in agents for spiffe_id in ids[agent]],
            "entries": [name for agent in agents for name in desired_entries.ids_of_agent(fleet, agent)],
        }
        for target, agents in _of_each(fleet, ids)
    ]


def downstream_decommission_targets(fleet: Fleet, servers: Iterable[str]) -> list[dict[str, Any]]:
    """Returns for each group of parent servers the entries that let these nested servers have their CAs signed."""
    found: dict[str, dict[str, Any]] = {}
    for server in servers:
        above, group = nested.parent_servers(server, fleet), fleet.upstream_group(server)
        ids = [desired_entries.downstream_id(server, agent) for agent in nested.agents_of(server, fleet)]
        if above and ids:
            found.setdefault(group, {**_target(fleet, group, above[0]), "entries": []})["entries"] += ids
    return list(found.values())
