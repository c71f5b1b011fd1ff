# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: trust_bundle
short_description: The trust bundle that a SPIRE agent starts with
version_added: 0.1.0
description:
  - "Internal: only the roles and playbooks of this collection use it."
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

from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.spire.fleet.plugins.plugin_utils.enrolment.server_answers import server_knowledge
from ansible_collections.spire.fleet.plugins.plugin_utils.enrolment.trust_bundle import bundle_for
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.templating import fleet_of
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan


class LookupModule(LookupBase):
    """See DOCUMENTATION."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """The bundle; AnsibleLookupError when there is none, or not the one expected."""
        self.set_options(var_options=variables, direct=kwargs)
        observed = variables or {}
        host = observed["inventory_hostname"]
        fleet = fleet_of(observed, self._templar)
        knowledge = server_knowledge(host, fleet, self.get_option("servers"))
        try:
            return [bundle_for(plan("agent", host, fleet), knowledge)]
        except ValueError as exc:
            raise AnsibleLookupError(str(exc)) from exc
