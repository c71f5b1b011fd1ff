# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nested servers: their parent servers, the agents that give them identities, and the order in which they start.

A nested server has its CA signed by its parent servers. It identifies itself by an SVID from one of their agents on its own machine.
"""

from __future__ import annotations

from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet

VARIABLE = "spire_upstream_server_group"
PLUGIN = "spire"


def servers(fleet: Fleet) -> list[str]:
    """Returns all nested servers."""
    return [server for server in fleet.servers if fleet.upstream_group(server)]


def parent_servers(server: str, fleet: Fleet) -> list[str]:
    """Returns the servers that sign a server's CA; empty for a server at the top, or if its groups form a circle."""
    if is_circular(server, fleet):
        return []
    return [name for name in fleet.groups.get(fleet.upstream_group(server), ()) if name in fleet.server_names]


def group_path(server: str, fleet: Fleet) -> list[str]:
    """Returns the groups from a server's own up to the top; in a circle, up to the first that appears again."""
    found = [fleet.group_of_server(server)]
    group = fleet.upstream_group(server)
    while group:
        found.append(group)
        members = fleet.groups.get(group, ())
        group = fleet.upstream_group(members[0]) if members and group not in found[:-1] else ""
    return found


def is_circular(server: str, fleet: Fleet) -> bool:
    """Whether a server's groups form a circle, so that none is at the top."""
    found = group_path(server, fleet)
    return len(set(found)) < len(found)


def agents_of(server: str, fleet: Fleet) -> list[str]:
    """Returns the agents on a nested server's machine that belong to its parent servers."""
    return [agent for agent in fleet.agents if _serves(agent, server, fleet)] if fleet.upstream_group(server) else []


def child_servers(agent: str, fleet: Fleet) -> list[str]:
    """Returns the nested servers on an agent's machine that get their identities from it."""
    return [server for server in servers(fleet) if _serves(agent, server, fleet)]


def _serves(agent: str, server: str, fleet: Fleet) -> bool:
    # The machines are compared first, because that takes less time.
    return fleet.machine(agent) == fleet.machine(server) and fleet.server_group(agent) == fleet.upstream_group(server)


def startup_order(fleet: Fleet) -> list[str]:
    """Returns all nested servers, those nearer to the top first, each after the agents that it needs."""
    found: dict[str, None] = {}
    for server in sorted(servers(fleet), key=lambda name: len(group_path(name, fleet))):
        found.update(dict.fromkeys([*agents_of(server, fleet), server]))
    return list(found)
