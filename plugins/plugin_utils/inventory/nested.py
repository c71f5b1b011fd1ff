# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nested servers: who is above whom, which agents stand between them, and the order in which they come up.

A nested server has its CA signed by those above it. It proves who it is by an SVID from an agent of theirs on its own machine.
"""

from __future__ import annotations

from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet

VARIABLE = "spire_upstream_server_group"
PLUGIN = "spire"


def servers(fleet: Fleet) -> list[str]:
    """Every nested server."""
    return [server for server in fleet.servers if fleet.upstream_group(server)]


def parent_servers(server: str, fleet: Fleet) -> list[str]:
    """The servers that sign a server's CA; none where it is at the top, or where its groups go in a circle."""
    if circular(server, fleet):
        return []
    return [name for name in fleet.groups.get(fleet.upstream_group(server), ()) if name in fleet.server_names]


def line(server: str, fleet: Fleet) -> list[str]:
    """The groups from a server's own up to the top; in a circle, up to the first that comes again."""
    found = [fleet.group_of_server(server)]
    group = fleet.upstream_group(server)
    while group:
        found.append(group)
        members = fleet.groups.get(group, ())
        group = fleet.upstream_group(members[0]) if members and group not in found[:-1] else ""
    return found


def circular(server: str, fleet: Fleet) -> bool:
    """Whether nobody is at the top."""
    found = line(server, fleet)
    return len(set(found)) < len(found)


def agents_of(server: str, fleet: Fleet) -> list[str]:
    """The agents on a nested server's machine that belong to the servers above it."""
    return [agent for agent in fleet.agents if _serves(agent, server, fleet)] if fleet.upstream_group(server) else []


def child_servers(agent: str, fleet: Fleet) -> list[str]:
    """The nested servers on an agent's machine that it gives their identities."""
    return [server for server in servers(fleet) if _serves(agent, server, fleet)]


def _serves(agent: str, server: str, fleet: Fleet) -> bool:
    # the machine first, which is told at once
    return fleet.machine(agent) == fleet.machine(server) and fleet.server_group(agent) == fleet.upstream_group(server)


def order(fleet: Fleet) -> list[str]:
    """Every nested server, those nearer to the top first, each after the agents that it needs."""
    found: dict[str, None] = {}
    for server in sorted(servers(fleet), key=lambda name: len(line(name, fleet))):
        found.update(dict.fromkeys([*agents_of(server, fleet), server]))
    return list(found)
