# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter vault_policy."""

from __future__ import annotations

DOCUMENTATION = r"""
name: vault_policy
author:
  - spire.fleet contributors (@spire-fleet)
version_added: 0.1.0
short_description: Make the least HashiCorp Vault policy for a SPIRE server
description:
  - Returns the policy, in HCL as C(vault policy write) takes it, for the tokens of the upstream authority C(vault) and of the key
    manager C(hashicorp_vault).
  - The policy allows the requests that SPIRE makes in this release with these options. Logging in needs no policy, renewing the token does.
  - The paths are relative to the Vault namespace that the tree names, so write the policy into that namespace.
  - Plugins that log in to different Vaults, namespaces or roles get a policy each, with O(plugins).
positional: _input
extends_documentation_fragment:
  - spire.fleet.permissions
"""

EXAMPLES = r"""
- name: Write the policy of the server's tokens
  ansible.builtin.copy:
    content: "{{ server_tree | spire.fleet.vault_policy(plugins=['KeyManager.hashicorp_vault']) }}"
    dest: "{{ playbook_dir }}/spire-server.hcl"
    mode: "0644"
  delegate_to: localhost
  vars:
    server_tree:
      server:
        trust_domain: example.org
      plugins:
        KeyManager:
          hashicorp_vault:
            plugin_data:
              vault_addr: https://vault.example.org:8200
              key_identifier_value: server1
              cert_auth: {}
"""

RETURN = r"""
_value:
  description: The policy. Empty where the tree does not use Vault.
  type: str
"""

from ansible_collections.spire.fleet.plugins.plugin_utils.permissions.filters import permission_filter
from ansible_collections.spire.fleet.plugins.plugin_utils.permissions.vault_ejbca import vault

FilterModule = permission_filter("vault_policy", vault)
