# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: desired_entries
short_description: The registration entries that a group of SPIRE servers should have
version_added: 0.1.0
description:
  - "Internal: the playbooks of this collection use it; it may change at any time."
  - Returns the inventory's C(spire_entries), the canary's entry, and for each agent whose identity is known the entries
    that tie it to the aliases of its inventory groups, and those that let nested servers have their CAs signed.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  _terms:
    description: A target as P(spire.fleet.server_targets#lookup) returns it.
    type: list
    elements: dict
    required: true
  identities:
    description: The SPIFFE IDs of agents, by inventory name.
    type: dict
    default: {}
  nested:
    description: Whether to return only the entries that let nested servers have their CAs signed.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Create and update the registration entries
  spire.fleet.entries:
    binary: "{{ item.binary }}"
    socket_path: "{{ item.socket_path }}"
    entries: "{{ query('spire.fleet.desired_entries', item) }}"
  loop: "{{ query('spire.fleet.server_targets', *ansible_play_hosts) }}"
  delegate_to: "{{ item.server }}"
  run_once: true
"""

RETURN = r"""
_raw:
  description: Entries as M(spire.fleet.entries) takes them.
  type: list
  elements: dict
"""

from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.entries import desired as desired_entries
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.lookup_base import FleetLookup


class LookupModule(FleetLookup):
    """See DOCUMENTATION."""

    def look_up(self, terms: list[Any]) -> list[dict[str, Any]]:
        """Returns the entries of every target given."""
        identities = {str(host): str(spiffe_id) for host, spiffe_id in self.get_option("identities").items()}
        found: list[dict[str, Any]] = []
        for target in terms:
            group = str(target["group"])
            server = desired_entries.first_server(self.fleet, group)
            if not self.get_option("nested"):
                found += desired_entries.of_inventory(server)
                found += desired_entries.of_agents(server, self.fleet, group, identities)
            found += desired_entries.of_nested(server, self.fleet, group, identities)
        return found
