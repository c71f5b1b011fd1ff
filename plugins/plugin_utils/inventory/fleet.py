# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers and agents of the whole inventory, whatever --limit names, and which agents belong to which servers."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.volumes import Container
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory import connection
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.reads import Read, fingerprint, fingerprint_of_file
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.variables import Values

#: inventory groups that the playbooks address
SERVERS = "spire_servers"
AGENTS = "spire_agents"


class Fleet:
    """The inventory's groups, and the variables of each host, which are read when they are first needed."""

    def __init__(
        self,
        groups: Mapping[str, Sequence[str]],
        values_of: Callable[[str], Values],
        address_of: Callable[[str], Mapping[str, Any]] | None = None,
        read_file: Callable[[str], str] | None = None,
    ) -> None:
        self.groups = groups
        #: directories with files of variables that Ansible does not read; preflight looks for them
        self.unread_directories: list[str] = []
        #: the names of the extra variables of this run; preflight sets it
        self.extra_variables: frozenset[str] = frozenset()
        #: whether the run is a slice of a job of AWX, which has only some of the inventory's hosts
        self.job_slice = False
        #: the container that Ansible runs in; None outside of one, and where nobody has looked
        self.container: Container | None = None
        self._values_of = functools.lru_cache(maxsize=None)(values_of)
        self._address_of = functools.lru_cache(maxsize=None)(address_of or (lambda host: self.values_of(host).raw))
        self._read_file = read_file or read_text
        #: for each plan that is being made, the set of everything that was read for it
        self._reads: list[set[Read]] = []
        #: the plans of servers, by host, each with everything that was read for it; one plan serves all agents of the server
        self.server_plans: dict[str, tuple[object, frozenset[Read]]] = {}
        #: trees that have been made and checked, by the data that they were made from
        self.trees: dict[bytes, object] = {}
        #: the facts that the selectors of each agent depend on, by agent
        self.makers: dict[str, object] = {}

    def values_of(self, host: str) -> Values:
        """Returns a host's variables."""
        self.note(Read("values", host))
        return self._values_of(host)

    def address_of(self, host: str) -> Mapping[str, Any]:
        """Returns a host's variables of the connection, which takes less time than reading all of its variables."""
        self.note(Read("address", host))
        return self._address_of(host)

    def read_file(self, path: str) -> str:
        """Returns the text of a file on the controller; raises OSError or ValueError where it can't be read."""
        self.note(Read("file", path))
        return self._read_file(path)

    def note(self, *reads: Read) -> None:
        """Adds what was read to the set of the plan that is being made, if there is one."""
        if self._reads:
            self._reads[-1].update(reads)

    @contextlib.contextmanager
    def reads(self) -> Iterator[set[Read]]:
        """Yields a set of everything that is read inside the context: variables and addresses of hosts, and files of the controller."""
        found: set[Read] = set()
        self._reads.append(found)
        try:
            yield found
        finally:
            self._reads.pop()
            if self._reads:
                self._reads[-1] |= found

    def fingerprint(self, read: Read) -> bytes:
        """Returns bytes that change when the thing that was read changes; empty where a change can't be detected."""
        if read.kind == "file":
            self.note(read)
            return fingerprint_of_file(read.name)
        if read.kind == "address":
            return fingerprint(self.machine(read.name))
        return self.values_of(read.name).fingerprint

    @property
    def servers(self) -> list[str]:
        """All servers in the inventory."""
        return list(self.groups.get(SERVERS, ()))

    @property
    def agents(self) -> list[str]:
        """All agents in the inventory."""
        return list(self.groups.get(AGENTS, ()))

    def hosts(self, component: str) -> list[str]:
        """Returns all hosts of a component."""
        return self.servers if component == "server" else self.agents

    @functools.cached_property
    def server_names(self) -> frozenset[str]:
        """The servers as a set, for many lookups."""
        return frozenset(self.servers)

    def upstream_group(self, server: str) -> str:
        """Returns the group of a nested server's parent servers, which may not exist; empty for other servers."""
        return str(self.values_of(server)["spire_upstream_server_group"] or "") if server in self.server_names else ""

    def machine(self, host: str) -> str:
        """Returns a name of the machine of a host, because several inventory hosts may be one machine."""
        return connection.machine(self.address_of(host), host)

    def server_group(self, agent: str) -> str:
        """Returns the group of an agent's servers, which may not exist. The agent on a nested server's own host belongs to the parent servers."""
        return self.upstream_group(agent) or self.values_of(agent)["spire_server_group"]

    def servers_of(self, agent: str) -> list[str]:
        """Returns the servers of an agent; none if they are not in this inventory."""
        return list(self.groups.get(self.server_group(agent), ()))

    def group_of_server(self, server: str) -> str:
        """Returns the group of the servers that share this server's trust domain and datastore."""
        named = self.values_of(server)["spire_server_group"]
        return named if server in self.groups.get(named, ()) else SERVERS

    def server_groups(self, hosts: Sequence[str]) -> dict[str, list[str]]:
        """Returns the server groups that these hosts (servers or agents) belong to, each with its servers."""
        found: dict[str, list[str]] = {}
        servers, agents = set(self.servers), set(self.agents)
        for host in hosts:
            if host in agents:
                found.setdefault(self.server_group(host), self.servers_of(host))
            if host in servers:
                group = self.group_of_server(host)
                found.setdefault(group, list(self.groups[group]))
        return {group: members for group, members in found.items() if members}


def read_text(path: str) -> str:
    """Returns the text of a file; raises OSError, or ValueError where it is no text in UTF-8."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return file.read()
    except UnicodeDecodeError:
        raise ValueError("it is no text in UTF-8.") from None
