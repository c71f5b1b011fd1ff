# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: decommission_targets
short_description: What has to be deleted on SPIRE servers when agents or nested servers are removed
version_added: 0.1.0
description:
  - "Internal: the playbooks of this collection use it; it may change at any time."
  - For each group of servers, returns the server to ask, the SPIFFE IDs of the given agents, and the IDs of the entries
    that tie them to aliases or serve a nested server.
  - For nested servers, returns the server above and the IDs of the entries that let them have their CAs signed.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  _terms:
    description: Names of agents, whose C(spire_agent_drift) is known, or of servers.
    type: list
    elements: str
    required: true
  component:
    description: What is removed.
    type: str
    choices: [server, agent]
    default: agent
"""

EXAMPLES = r"""
- name: Evict the agents
  spire.fleet.agent_evict:
    binary: "{{ item.binary }}"
    socket_path: "{{ item.socket_path }}"
    ids: "{{ item.ids }}"
  loop: "{{ query('spire.fleet.decommission_targets', *ansible_play_hosts) }}"
  delegate_to: "{{ item.server }}"
  run_once: true
"""

RETURN = r"""
_raw:
  description: Targets as P(spire.fleet.server_targets#lookup) returns them, with the key entries, the entries' IDs, and for agents ids.
  type: list
  elements: dict
"""

from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.enrolment.target_lookup import TargetLookup


class LookupModule(TargetLookup):
    """See DOCUMENTATION."""

    def look_up(self, terms: list[str]) -> list[dict[str, Any]]:
        """Returns one target for each server group of the hosts named."""
        if self.get_option("component") == "server":
            return self.targets.downstream_decommissions(terms)
        return self.targets.decommissions({host: str(self.agent_drift(host).get("spiffe_id") or "") for host in terms})
