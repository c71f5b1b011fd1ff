# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter gcp_permissions."""

from __future__ import annotations

DOCUMENTATION = r"""
name: gcp_permissions
author:
  - spire.fleet contributors (@spire-fleet)
version_added: 0.1.0
short_description: Make the list of Google Cloud permissions that a SPIRE server or agent needs
description:
  - Returns permissions for a custom role on each resource that the tree names, predefined roles that contain
    them, as an alternative to a custom role, and the access scopes of a virtual machine that SPIRE runs on.
  - The permissions are those of the calls that SPIRE makes in this release with these options.
positional: _input
extends_documentation_fragment:
  - spire.fleet.permissions
options:
  projects:
    description: The projects in which the agent's SVID store C(gcp_secretmanager) keeps secrets. Registration entries name them, the tree does not.
    type: list
    elements: str
    default: []
  secret_policies:
    description: Whether entries of C(gcp_secretmanager) name a role and a service account, so that SPIRE sets the secrets' IAM policies.
    type: bool
    default: false
seealso:
  - plugin: spire.fleet.azure_permissions
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show what the server's service account needs
  ansible.builtin.debug:
    msg: "{{ server_tree | spire.fleet.gcp_permissions(version='1.15.3') }}"
  vars:
    server_tree:
      server:
        trust_domain: example.org
      plugins:
        KeyManager:
          gcp_kms:
            plugin_data:
              key_ring: projects/acme/locations/europe-west1/keyRings/spire
              key_identifier_value: server1
"""

RETURN = r"""
_value:
  description: Grants and scopes.
  type: dict
  contains:
    grants:
      description: What to grant on each resource.
      type: list
      elements: dict
      contains:
        resource:
          description: The project, key ring, pool of CAs or bucket.
          type: str
        condition:
          description: An IAM condition that narrows the grant to one object.
          type: str
          returned: for buckets
        permissions:
          description: The permissions of a custom role.
          type: list
          elements: str
        roles:
          description: Predefined roles that contain these permissions, and more.
          type: list
          elements: str
        plugins:
          description: The plugins that need it.
          type: list
          elements: str
    scopes:
      description: Access scopes, for a virtual machine's service account.
      type: list
      elements: str
"""

from ansible_collections.spire.fleet.plugins.plugin_utils.permissions.filters import permission_filter
from ansible_collections.spire.fleet.plugins.plugin_utils.permissions.gcp_azure import gcp

FilterModule = permission_filter("gcp_permissions", gcp)
