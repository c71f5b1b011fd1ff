# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ejbca_rules."""

from __future__ import annotations

DOCUMENTATION = r"""
name: ejbca_rules
author:
  - spire.fleet contributors (@spire-fleet)
version_added: 0.1.0
short_description: Make the list of access rules that a SPIRE server needs in EJBCA
description:
  - Returns the access rules to allow in a role of EJBCA whose member is the client certificate of the upstream authority C(ejbca).
  - The protocol REST Certificate Management must be enabled in EJBCA as well.
positional: _input
extends_documentation_fragment:
  - spire.fleet.permissions
"""

EXAMPLES = r"""
- name: Show the commands that give the rules to the role
  ansible.builtin.debug:
    msg: "{{ server_tree | spire.fleet.ejbca_rules | map('regex_replace', '^(.*)$', command) }}"
  vars:
    command: bin/ejbca.sh roles changerule --name SPIRE --rule "\1" --state ACCEPT
    server_tree:
      server:
        trust_domain: example.org
      plugins:
        UpstreamAuthority:
          ejbca:
            plugin_data:
              hostname: ejbca.example.org
              ca_name: Issuing-CA
              end_entity_profile_name: spireIntermediate
              certificate_profile_name: spireIntermediate
"""

RETURN = r"""
_value:
  description: The rules. Empty where the tree does not use EJBCA.
  type: list
  elements: str
"""

from ansible_collections.spire.fleet.plugins.plugin_utils.permissions.filters import permission_filter
from ansible_collections.spire.fleet.plugins.plugin_utils.permissions.vault_ejbca import ejbca

FilterModule = permission_filter("ejbca_rules", ejbca)
