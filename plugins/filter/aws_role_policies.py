# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter aws_role_policies."""

from __future__ import annotations

DOCUMENTATION = r"""
name: aws_role_policies
author:
  - spire.fleet contributors (@spire-fleet)
version_added: 0.1.0
short_description: Make the least IAM policies of the roles that a SPIRE server assumes
description:
  - Plugins that assume a role (C(assume_role), C(assume_role_arn), C(assume_org_role)) make their calls as that role.
    This filter returns the policy of each role. The policy of P(spire.fleet.aws_policy#filter) allows SPIRE to assume them.
  - Each role must trust the identity that SPIRE runs with. This filter makes no trust policies.
positional: _input
extends_documentation_fragment:
  - spire.fleet.permissions
  - spire.fleet.permissions_aws
seealso:
  - plugin: spire.fleet.aws_policy
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Give each role that the servers assume its policy
  amazon.aws.iam_policy:
    iam_type: role
    iam_name: "{{ item.key | split('/') | last }}"
    policy_name: spire
    policy_json: "{{ item.value | to_json }}"
  loop: "{{ server_tree | spire.fleet.aws_role_policies(node_accounts=['111122223333']) | dict2items }}"
  vars:
    server_tree:
      server:
        trust_domain: example.org
      plugins:
        NodeAttestor:
          aws_iid:
            plugin_data:
              assume_role: spire-nodes
"""

RETURN = r"""
_value:
  description: The policies by the ARNs of the roles. Empty where the tree assumes no role.
  type: dict
"""

from ansible_collections.spire.fleet.plugins.plugin_utils.permissions.aws import role_policies
from ansible_collections.spire.fleet.plugins.plugin_utils.permissions.filters import permission_filter

FilterModule = permission_filter("aws_role_policies", role_policies)
