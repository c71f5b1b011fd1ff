# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: trust_bundle
short_description: The trust bundle that a SPIRE agent starts with
version_added: 0.1.0
description:
  - "Internal: the playbooks of this collection use it; it may change at any time."
  - Returns the bundle of the agent's server, as M(spire.fleet.server_info) brought it over Ansible's own connection, or
    the C(spire_trust_bundle) of an agent whose servers are not in the inventory.
  - Fails when its certificates are not those that the server reported, or not those of C(spire_trust_bundle_sha256).
author:
  - spire.fleet contributors (@spire-fleet)
options:
  _terms:
    description: Nothing. The bundle is the current host's.
    type: list
    elements: str
  servers:
    description: What M(spire.fleet.server_info) returned, as the results of a loop over targets.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Write the bundle
  ansible.builtin.copy:
    content: "{{ lookup('spire.fleet.trust_bundle', servers=answers.results) }}"
    dest: /etc/spire/agent/main.bundle.pem
    mode: "0644"
"""

RETURN = r"""
_raw:
  description: Certificates in PEM.
  type: list
  elements: str
"""

from ansible_collections.spire.fleet.plugins.plugin_utils.enrolment.server_answers import server_knowledge
from ansible_collections.spire.fleet.plugins.plugin_utils.enrolment.trust_bundle import bundle_for
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.lookup_base import FleetLookup


class LookupModule(FleetLookup):
    """See DOCUMENTATION."""

    EXPECTED = (ValueError,)

    def look_up(self, terms: list[str]) -> list[str]:
        """Returns the bundle; raises AnsibleLookupError when there is none, or when it is not the expected one."""
        planned = self.plan("agent")
        return [bundle_for(planned, server_knowledge(planned.host, self.fleet, self.get_option("servers")))]
