# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds which servers mint tokens, evict agents and delete entries, and for which agents."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.entries import desired as desired_entries
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory import nested
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import node as pki_node
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan

#: SPIRE's default for the lifetime of a token. A token must be valid until its whole wave of agents has started, so a second is added for
#: each agent: a server accepts one attestation a second from each source address.
TOKEN_TTL = 600


@dataclasses.dataclass(frozen=True)
class Targets:
    """The servers to ask. The servers of one group share a datastore, so each of them can answer for all."""

    fleet: Fleet
    #: a server of each group that was healthy when this run asked; the first server of a group that is not in it is asked
    healthy: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def of_hosts(self, hosts: Iterable[str]) -> list[dict[str, Any]]:
        """Returns the server to ask for each server group of these hosts."""
        return [self._of_group(group) for group in sorted(self.fleet.server_groups(list(hosts)))]

    def candidates(self, hosts: Iterable[str]) -> list[dict[str, Any]]:
        """Returns every server of those groups of these hosts that have several servers, none of which is known to be healthy."""
        groups = sorted(self.fleet.server_groups(list(hosts)).items())
        return [self._target(group, server) for group, servers in groups if len(servers) > 1 and group not in self.healthy for server in servers]

    def join_tokens(self, needy: Iterable[str], start_timeout: int) -> list[dict[str, Any]]:
        """Returns for each server group its agents that need a token, and how long their tokens must be valid."""
        return [
            {**target, "agents": agents, "ttl": TOKEN_TTL + start_timeout + len(agents)}
            for target, agents in self._of_each(needy)
        ]

    def evictions(self, identities: Mapping[str, str]) -> list[dict[str, Any]]:
        """Returns for each server group the SPIFFE IDs to evict, the entries of the aliases, whose parents are the agents' former SPIFFE IDs,
        and the SPIFFE IDs that agents claim by their names, which may be somebody else's."""
        plans = {agent: plan("agent", agent, self.fleet) for agent in identities}
        confirmed = {agent for agent, made in plans.items() if made.claimed_id and made.values["spire_replace_unknown_agent"]}
        own = {
            agent: [*([known] if known else []), *([plans[agent].claimed_id] if agent in confirmed else [])] for agent, known in identities.items()
        }
        found = self._with_ids(own)
        for target, agents in zip(found, (agents for _target, agents in self._of_each(identities))):
            target["claimed"] = [plans[agent].claimed_id for agent in agents if plans[agent].claimed_id]
        return found

    def decommissions(self, identities: Mapping[str, str]) -> list[dict[str, Any]]:
        """Returns for each server group the SPIFFE IDs and entries of these agents."""
        return self._with_ids({agent: [own] if own else [] for agent, own in identities.items()})

    def downstream_decommissions(self, servers: Iterable[str]) -> list[dict[str, Any]]:
        """Returns for each group of parent servers the entries that let these nested servers have their CAs signed."""
        found: dict[str, dict[str, Any]] = {}
        for server in servers:
            above, group = nested.parent_servers(server, self.fleet), self.fleet.upstream_group(server)
            ids = [desired_entries.downstream_id(server, agent) for agent in nested.agents_of(server, self.fleet)]
            if above and ids:
                found.setdefault(group, {**self._of_group(group), "entries": []})["entries"] += ids
        return list(found.values())

    def _of_group(self, group: str) -> dict[str, Any]:
        return self._target(group, self.healthy.get(group) or self.fleet.groups[group][0])

    def _target(self, group: str, name: str) -> dict[str, Any]:
        server = plan("server", name, self.fleet)
        return {
            "group": group,
            "server": server.host,
            "binary": server.binary,
            "socket_path": server.socket,
            "trust_domain": server.trust_domain,
            "node_authorities": pki_node.authority_files(server.plugin_data("NodeAttestor", "x509pop")),
        }

    def _of_each(self, agents: Iterable[str]) -> Iterator[tuple[dict[str, Any], list[str]]]:
        """Yields the server to ask for each server group of these agents, with its agents among them."""
        agents = list(agents)
        for target in self.of_hosts(agents):
            own = [agent for agent in agents if self.fleet.server_group(agent) == target["group"]]
            if own:
                yield target, own

    def _with_ids(self, ids: Mapping[str, list[str]]) -> list[dict[str, Any]]:
        return [
            {
                **target,
                "ids": [spiffe_id for agent in agents for spiffe_id in ids[agent]],
                "entries": [name for agent in agents for name in desired_entries.ids_of_agent(self.fleet, agent)],
            }
            for target, agents in self._of_each(ids)
        ]


def healthy_servers(results: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Returns the first healthy server of each group, by the results of the task that asked the candidates."""
    found: dict[str, str] = {}
    for result in results:
        if result.get("healthy"):
            found.setdefault(str(result["item"]["group"]), str(result["item"]["server"]))
    return found
