# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: join_token_targets
short_description: The SPIRE servers to mint join tokens on, and for which agents
version_added: 0.1.0
description:
  - "Internal: the playbooks of this collection use it; it may change at any time."
  - For each group of servers, returns the server to ask and the agents that M(spire.fleet.component_drift) found to need a join
    token, with a time to live that is long enough for all of them.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  _terms:
    description: Names of agents. Those whose C(spire_agent_drift) asks for no token are passed over.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Show who needs a token
  ansible.builtin.debug:
    msg: "{{ query('spire.fleet.join_token_targets', *ansible_play_hosts) }}"
"""

RETURN = r"""
_raw:
  description: Targets as P(spire.fleet.server_targets#lookup) returns them, with the keys agents and ttl (in seconds).
  type: list
  elements: dict
"""

from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.enrolment.target_lookup import TargetLookup


class LookupModule(TargetLookup):
    """See DOCUMENTATION."""

    def look_up(self, terms: list[str]) -> list[dict[str, Any]]:
        """Returns one target for each server group with agents that need a token."""
        needy = [host for host in terms if (self.agent_drift(host).get("actions") or {}).get("token")]
        longest = max((self.fleet.values_of(host)["spire_start_timeout"] for host in needy), default=0)
        return self.targets.join_tokens(needy, longest)
