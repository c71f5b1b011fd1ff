# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter aws_policy."""

from __future__ import annotations

DOCUMENTATION = r"""
name: aws_policy
author:
  - spire.fleet contributors (@spire-fleet)
version_added: 0.1.0
short_description: Make the least IAM policy for a SPIRE server or agent
description:
  - Returns the policy for the identity whose credentials SPIRE runs with. Where plugins assume a role, the policy allows that; the
    policies of these roles are made by P(spire.fleet.aws_role_policies#filter).
  - The policy allows the calls that SPIRE makes in this release with these options, on the ARNs that the tree names. The resource is a
    star only for actions that AWS can't limit to resources, in a statement with the Sid C(AwsKnowsNoResourcesForThese).
  - C(sts:GetCallerIdentity), which C(aws_kms) calls, needs no permission.
positional: _input
extends_documentation_fragment:
  - spire.fleet.permissions
  - spire.fleet.permissions_aws
seealso:
  - plugin: spire.fleet.aws_role_policies
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Write the policy of the servers' instance profile
  ansible.builtin.copy:
    content: "{{ server_tree | spire.fleet.aws_policy(version='1.15.3', account='111122223333') | to_nice_json }}"
    dest: "{{ playbook_dir }}/spire-server.json"
    mode: "0644"
  delegate_to: localhost
  vars:
    server_tree:
      server:
        trust_domain: example.org
      plugins:
        KeyManager:
          aws_kms:
            plugin_data:
              region: eu-west-1
              key_identifier_value: server1

- name: Show the policy for the configuration that the playbooks write for this host
  ansible.builtin.debug:
    msg: "{{ lookup('spire.fleet.rendered_file', 'server', 'configuration') | spire.fleet.from_hcl | spire.fleet.aws_policy(account='111122223333') }}"
"""

RETURN = r"""
_value:
  description: The policy, ready for P(ansible.builtin.to_nice_json#filter). Empty where the tree uses nothing of AWS.
  type: dict
"""

from ansible_collections.spire.fleet.plugins.plugin_utils.permissions.aws import own_policy
from ansible_collections.spire.fleet.plugins.plugin_utils.permissions.filters import permission_filter

FilterModule = permission_filter("aws_policy", own_policy)
