# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: entry_purge
short_description: The entries of a server that the inventory does not want any more
version_added: 0.1.0
description:
  - "Internal: the playbooks of this collection use it; it may change at any time."
  - Returns the option C(purge) of M(spire.fleet.entries) for each target of P(spire.fleet.server_targets#lookup).
  - Where hosts of the group are outside of the run, only entries with the identities of the run's agents as their parents are deleted.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  _terms:
    description: Targets.
    type: list
    elements: dict
    required: true
  identities:
    description: The SPIFFE IDs of agents by their names.
    type: dict
    default: {}
  hosts:
    description: The names of all hosts of the run.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Show what would be deleted
  ansible.builtin.debug:
    msg: "{{ query('spire.fleet.entry_purge', *query('spire.fleet.server_targets', inventory_hostname), hosts=ansible_play_hosts_all) }}"
"""

RETURN = r"""
_raw:
  description: One dictionary for each target; an empty one where C(spire_entries_purge) is false.
  type: list
  elements: dict
"""

from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.entries import desired
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.lookup_base import FleetLookup


class LookupModule(FleetLookup):
    """See DOCUMENTATION."""

    def look_up(self, terms: list[Any]) -> list[dict[str, Any]]:
        """Returns what to delete on the server of each target."""
        identities = {str(host): str(spiffe_id) for host, spiffe_id in self.get_option("identities").items()}
        hosts = [str(host) for host in self.get_option("hosts")]
        return [
            desired.purge(desired.first_server(self.fleet, group), self.fleet, group, identities, hosts)
            for group in (str(target["group"]) for target in terms)
        ]
