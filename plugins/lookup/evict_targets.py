# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: evict_targets
short_description: What has to be evicted on SPIRE servers before agents attest again
version_added: 0.1.0
description:
  - "Internal: the playbooks of this collection use it; it may change at any time."
  - Some node attestors trust on first use, so that a server refuses an agent that lost its identity until the old one is evicted.
  - For each group of servers, returns the server to ask, SPIFFE IDs that the agents may have had, and the IDs of the entries that tie
    them to aliases, whose parent is the identity they had last.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  _terms:
    description: Names of agents. Those whose C(spire_agent_drift) asks for no eviction are passed over.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Evict agents that attest again
  spire.fleet.agent_evict:
    binary: "{{ item.binary }}"
    socket_path: "{{ item.socket_path }}"
    ids: "{{ item.ids }}"
    parents_of: "{{ item.entries }}"
  loop: "{{ query('spire.fleet.evict_targets', *ansible_play_hosts) }}"
  delegate_to: "{{ item.server }}"
  run_once: true
"""

RETURN = r"""
_raw:
  description: Targets as P(spire.fleet.server_targets#lookup) returns them, with the keys ids, entries (the entries' IDs), and claimed
    (the SPIFFE IDs that agents get by names which they give themselves).
  type: list
  elements: dict
"""

from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.enrolment.target_lookup import TargetLookup


class LookupModule(TargetLookup):
    """See DOCUMENTATION."""

    def look_up(self, terms: list[str]) -> list[dict[str, Any]]:
        """Returns one target for each server group with agents that it must evict."""
        drifts = {host: self.agent_drift(host) for host in terms}
        evicted = {host: drift for host, drift in drifts.items() if (drift.get("actions") or {}).get("evict")}
        return self.targets.evictions({host: str(drift.get("spiffe_id") or "") for host, drift in evicted.items()})
