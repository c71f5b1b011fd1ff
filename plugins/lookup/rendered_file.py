# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: rendered_file
short_description: The text of a planned file of a SPIRE server or agent
version_added: 0.1.0
description:
  - "Internal: only the roles and playbooks of this collection use it."
  - Renders a file of the current host's server or agent. It may hold secrets, so a task that uses it needs C(no_log).
author:
  - spire.fleet contributors (@spire-fleet)
options:
  _terms:
    description: V(server) or V(agent), and the name of a file - V(configuration), V(environment), V(service), or one of those that
      P(spire.fleet.component_plan#lookup) names.
    type: list
    elements: str
    required: true
  join_token:
    description: A join token to put into an agent's configuration, for releases that take it from nowhere else.
    type: str
  machine:
    description: >-
      The host's architecture as its kernel calls it. Needed where external plugins are other binaries for each architecture,
      since their checksums stand in the configuration.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Write the server's configuration
  ansible.builtin.copy:
    content: "{{ lookup('spire.fleet.rendered_file', 'server', 'configuration') }}"
    dest: /etc/spire/server/main.conf
    mode: "0640"
  no_log: true
"""

RETURN = r"""
_raw:
  description: The file's text.
  type: list
  elements: str
"""

from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.templating import fleet_of
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error


class LookupModule(LookupBase):
    """See DOCUMENTATION."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """The text; AnsibleLookupError for a file that the plan does not have."""
        self.set_options(var_options=variables, direct=kwargs)
        observed = variables or {}
        component, name = terms
        planned = plan(component, observed["inventory_hostname"], fleet_of(observed, self._templar))
        if self.get_option("machine"):
            planned = planned.for_architecture(str(self.get_option("machine")))
        token = self.get_option("join_token")
        if token:
            return [planned.render({"join_token": str(token)})]
        if planned.host_certificate and name == f"{planned.host_certificate.name}_key":
            try:
                return [planned.host_certificate.key_text()]
            except X509Error as exc:
                raise AnsibleLookupError(str(exc)) from None
        for file in planned.files:
            if file.name == name:
                return [file.content]
        raise AnsibleLookupError(f"no file of the {component} is called {name}")
