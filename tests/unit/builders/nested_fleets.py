# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds a fleet of three tiers of servers for tests."""

from __future__ import annotations

from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from tests.unit.builders.fleets import fleet

GROUPS = {"edges": ["edge1"], "hubs": ["hub1", "hub2"], "roots": ["root1"]}


def nested_fleet(common: dict[str, Any] | None = None, **more: dict[str, Any]) -> Fleet:
    """Returns a fleet of three tiers of servers, in which the lowest tier is the first in the inventory.

    The hosts hub1 and hub2 are servers and also agents of the root. The machine of edge1 has an agent of the hubs, which is another host.
    """
    shared = {"DataStore": {"sql": {"plugin_data": {"database_type": "postgres", "connection_string": "host=db password=a-4711"}}}}
    hub = {"spire_server_group": "hubs", "spire_upstream_server_group": "roots", "spire_server_config": {"plugins": shared}}
    hosts: dict[str, dict[str, Any]] = {
        "root1": {"spire_server_group": "roots", "ansible_host": "192.0.2.1", "spire_server_config": {"server": {"bind_port": 9443}}},
        "hub1": {**hub, "ansible_host": "192.0.2.11"},
        "hub2": {**hub, "ansible_host": "192.0.2.12"},
        "edge1": {"spire_server_group": "edges", "spire_upstream_server_group": "hubs", "ansible_host": "192.0.2.21"},
        "edge1-agent": {"spire_server_group": "hubs", "ansible_host": "192.0.2.21", "spire_allow": ["address_of_one_server"]},
        "leaf1": {"spire_server_group": "edges"},
    }
    return fleet(
        common, ("edge1", "hub1", "hub2", "root1"), ("leaf1", "edge1-agent", "hub2", "hub1"), GROUPS,
        **{name: {**values, **more.get(name, {})} for name, values in hosts.items()},
    )
