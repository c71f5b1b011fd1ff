# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which servers and agents there are, and which agents belong to which servers. It is the whole inventory, whatever --limit names."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.reads import Read, fingerprint, fingerprint_of_file
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.variables import Values

#: inventory groups that the playbooks address
SERVERS = "spire_servers"
AGENTS = "spire_agents"


class Fleet:
    """The inventory's groups, and each host's variables when somebody asks for them."""

    def __init__(
        self,
        groups: Mapping[str, Sequence[str]],
        values_of: Callable[[str], Values],
        address_of: Callable[[str], Mapping[str, Any]] | None = None,
    ) -> None:
        self.groups = groups
        self._values_of = functools.lru_cache(maxsize=None)(values_of)
        self._address_of = functools.lru_cache(maxsize=None)(address_of or (lambda host: self.values_of(host).raw))
        #: one set for each plan that is being made, of everything that was read for it
        self._reads: list[set[Read]] = []
        #: plans of servers, which are made once and used for all their agents, each with what was read for it
        self.server_plans: dict[str, tuple[object, frozenset[Read]]] = {}
        #: trees that have been made and checked, by what they were made of
        self.trees: dict[bytes, object] = {}
        #: what the selectors of each agent depend on
        self.makers: dict[str, object] = {}

    def values_of(self, host: str) -> Values:
        """A host's variables."""
        self.note(Read("values", host))
        return self._values_of(host)

    def address_of(self, host: str) -> Mapping[str, Any]:
        """A host's ansible_host and ansible_port, which cost less than all of its variables."""
        self.note(Read("address", host))
        return self._address_of(host)

    def note(self, *reads: Read) -> None:
        """Notes what was read, where that is collected."""
        if self._reads:
            self._reads[-1].update(reads)

    @contextlib.contextmanager
    def reads(self) -> Iterator[set[Read]]:
        """Collects what is read inside: whose variables, whose address, which files of the controller."""
        found: set[Read] = set()
        self._reads.append(found)
        try:
            yield found
        finally:
            self._reads.pop()
            if self._reads:
                self._reads[-1] |= found

    def fingerprint(self, read: Read) -> bytes:
        """Returns bytes that differ when what is read differs; empty where that can't be told."""
        if read.kind == "file":
            self.note(read)
            return fingerprint_of_file(read.name)
        if read.kind == "address":
            return fingerprint(self.machine(read.name))
        values = self.values_of(read.name)
        # in a task, Ansible gives its own host an ansible_host even where the inventory has none
        return values.fingerprint and values.fingerprint + fingerprint(machine_of(values.raw, read.name))

    @property
    def servers(self) -> list[str]:
        """Every server in the inventory."""
        return list(self.groups.get(SERVERS, ()))

    @property
    def agents(self) -> list[str]:
        """Every agent in the inventory."""
        return list(self.groups.get(AGENTS, ()))

    def hosts(self, component: str) -> list[str]:
        """Every host of a component."""
        return self.servers if component == "server" else self.agents

    @functools.cached_property
    def server_names(self) -> frozenset[str]:
        """The servers as a set, for many lookups."""
        return frozenset(self.servers)

    def upstream_group(self, server: str) -> str:
        """The group of the servers above a nested one; empty for others. It may not exist."""
        return str(self.values_of(server)["spire_upstream_server_group"] or "") if server in self.server_names else ""

    def machine(self, host: str) -> str:
        """Returns the machine of a host: several inventory hosts may be one machine."""
        return machine_of(self.address_of(host), host)

    def server_group(self, agent: str) -> str:
        """The group of an agent's servers; it may not exist. The agent of a nested server's own host is one of those above."""
        return self.upstream_group(agent) or self.values_of(agent)["spire_server_group"]

    def servers_of(self, agent: str) -> list[str]:
        """The servers of an agent; none when they are outside of this inventory."""
        return list(self.groups.get(self.server_group(agent), ()))

    def group_of_server(self, server: str) -> str:
        """The group of servers that share one trust domain and datastore."""
        named = self.values_of(server)["spire_server_group"]
        return named if server in self.groups.get(named, ()) else SERVERS

    def server_groups(self, hosts: Sequence[str]) -> dict[str, list[str]]:
        """Each server group that some of these hosts (servers or agents) belong to, with its servers."""
        found: dict[str, list[str]] = {}
        servers, agents = set(self.servers), set(self.agents)
        for host in hosts:
            if host in agents:
                found.setdefault(self.server_group(host), self.servers_of(host))
            if host in servers:
                group = self.group_of_server(host)
                found.setdefault(group, list(self.groups[group]))
        return {group: members for group, members in found.items() if members}


def machine_of(raw: Mapping[str, Any], host: str) -> str:
    """Returns the machine by the host's variables. Machines behind one forwarded address differ in their ports."""
    return f"{raw.get('ansible_host') or host}:{raw.get('ansible_port') or 22}"
