# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: decommission_targets
short_description: What SPIRE servers still have of agents, or of servers below them, that go
version_added: 0.1.0
description:
  - "Internal: only the roles and playbooks of this collection use it."
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
    description: What goes.
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

from ansible.plugins.lookup import LookupBase

from ansible_collections.spire.fleet.plugins.plugin_utils.enrolment.targets import decommission_targets, downstream_decommission_targets
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.templating import fleet_of


class LookupModule(LookupBase):
    """See DOCUMENTATION."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[dict[str, Any]]:
        """One target for each server group of the agents named."""
        self.set_options(var_options=variables, direct=kwargs)
        observed = variables or {}
        if self.get_option("component") == "server":
            return downstream_decommission_targets(fleet_of(observed, self._templar), terms)
        looks = {host: observed["hostvars"].raw_get(host).get("spire_agent_drift") or {} for host in terms}
        identities = {host: str(look.get("spiffe_id") or "") for host, look in looks.items()}
        return decommission_targets(fleet_of(observed, self._templar), identities)
