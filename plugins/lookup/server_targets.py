# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: server_targets
short_description: The SPIRE server to ask for each server group
version_added: 0.1.0
description:
  - "Internal: the playbooks of this collection use it; it may change at any time."
  - For each group of servers that the given hosts belong to, returns the server that tasks are delegated to.
  - Agents whose servers are not in the inventory belong to none.
  - The server of a group is one that this run has found healthy, by its drift check in C(spire_server_drift), by its state in
    C(spire_verify_state), or by a task that registered C(spire_component_candidates). Otherwise it is the first.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  _terms:
    description: Names of hosts, servers or agents.
    type: list
    elements: str
    required: true
  candidates:
    description:
      - Whether to return every server of the groups that have several, and of which none was found healthy before, instead of the one to ask.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Ask each server what it knows
  spire.fleet.server_info:
    binary: "{{ item.binary }}"
    socket_path: "{{ item.socket_path }}"
  delegate_to: "{{ item.server }}"
  run_once: true
  loop: "{{ query('spire.fleet.server_targets', *ansible_play_hosts) }}"
"""

RETURN = r"""
_raw:
  description: Dictionaries with the keys group, server, binary, socket_path, trust_domain and node_authorities.
  type: list
  elements: dict
"""

from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.enrolment.target_lookup import TargetLookup
from ansible_collections.spire.fleet.plugins.plugin_utils.enrolment.targets import Targets


class LookupModule(TargetLookup):
    """See DOCUMENTATION."""

    def look_up(self, terms: list[str]) -> list[dict[str, Any]]:
        """Returns one target for each server group of the hosts named."""
        return Targets(self.fleet, self.known).candidates(terms) if self.get_option("candidates") else self.targets.of_hosts(terms)
