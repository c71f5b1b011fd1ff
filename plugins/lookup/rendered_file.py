# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: rendered_file
short_description: The text of a planned file of a SPIRE server or agent
version_added: 0.1.0
description:
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

from ansible_collections.spire.fleet.plugins.plugin_utils.plan.files import UnknownFileError, file_of
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.lookup_base import FleetLookup
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error


class LookupModule(FleetLookup):
    """See DOCUMENTATION."""

    EXPECTED = (X509Error, UnknownFileError)

    def look_up(self, terms: list[str]) -> list[str]:
        """Returns the text; raises AnsibleLookupError for a file that the plan does not have."""
        component, name = terms
        planned = self.plan(component)
        if self.get_option("machine"):
            planned = planned.for_architecture(str(self.get_option("machine")))
        token = self.get_option("join_token")
        return [planned.render({"join_token": str(token)}) if token else file_of(planned, name).content]
