# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter azure_permissions."""

from __future__ import annotations

DOCUMENTATION = r"""
name: azure_permissions
author:
  - spire.fleet contributors (@spire-fleet)
version_added: 0.1.0
short_description: Make the list of Azure permissions that a SPIRE server needs
description:
  - Returns, for each resource that the tree names, the actions of a custom role, the key permissions of a vault's access
    policy, and built-in roles that contain them, as an alternative to a custom role.
  - The permissions are those of the calls that SPIRE makes in this release with these options.
positional: _input
extends_documentation_fragment:
  - spire.fleet.permissions
options:
  subscriptions:
    description: The IDs of the subscriptions of the nodes, for tenants of C(azure_msi) and C(azure_imds) that name none.
    type: list
    elements: str
    default: []
seealso:
  - plugin: spire.fleet.gcp_permissions
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show what the server's application needs
  ansible.builtin.debug:
    msg: "{{ server_tree | spire.fleet.azure_permissions(version='1.15.3') }}"
  vars:
    server_tree:
      server:
        trust_domain: example.org
      plugins:
        KeyManager:
          azure_key_vault:
            plugin_data:
              key_vault_uri: https://spire.vault.azure.net/
              key_identifier_value: server1
"""

RETURN = r"""
_value:
  description: What to grant on each resource.
  type: list
  elements: dict
  contains:
    resource:
      description: The subscription, or the address of the vault or blob.
      type: str
    actions:
      description: Actions of a custom role.
      type: list
      elements: str
      returned: where there are any
    data_actions:
      description: Data actions of a custom role.
      type: list
      elements: str
      returned: where there are any
    key_permissions:
      description: What an access policy of the vault must allow, where the vault has access policies in place of roles.
      type: list
      elements: str
      returned: for key vaults
    roles:
      description: Built-in roles that contain these actions, and more.
      type: list
      elements: str
    plugins:
      description: The plugins that need it.
      type: list
      elements: str
"""

from ansible_collections.spire.fleet.plugins.plugin_utils.permissions.filters import permission_filter
from ansible_collections.spire.fleet.plugins.plugin_utils.permissions.gcp_azure import azure

FilterModule = permission_filter("azure_permissions", azure)
