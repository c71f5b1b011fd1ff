# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the filters that make IAM policies."""


class ModuleDocFragment:
    """The options are read by plugins/plugin_utils/permissions/aws.py."""

    DOCUMENTATION = r"""
options:
  account:
    description: The ID of the AWS account of SPIRE's own credentials, quoted. Needed where an ARN contains it.
    type: str
  partition:
    description:
      - The AWS partition, such as V(aws), V(aws-cn) or V(aws-us-gov).
      - It follows from the plugin's C(partition) or its region, unless set. A value that contradicts them is an error.
    type: str
  node_accounts:
    description: The account IDs of the nodes that attest by C(aws_iid) with C(assume_role). O(account), unless set.
    type: list
    elements: str
    default: []
  node_regions:
    description: The regions of nodes in EKS clusters that C(aws_iid) checks. All regions, unless set.
    type: list
    elements: str
    default: []
  db_resource_id:
    description:
      - The resource ID of the RDS database (V(db-ABC...)) or of the Aurora cluster (V(cluster-ABC...)).
      - With a read replica, a list of both.
    type: list
    elements: str
    default: []
  secrets:
    description:
      - Names or ARNs of the secrets that the agent's SVID store C(aws_secretsmanager) writes.
      - All secrets of the account and region with SPIRE's tag, unless set.
    type: list
    elements: str
    default: []
  kms_keys:
    description:
      - ARNs of your own KMS keys that encrypt what a plugin reads or writes. The keys of the mapping are the plugins' names.
      - For C(awssecret), C(aws_s3) and C(aws_secretsmanager). AWS's own keys need no permission.
    type: dict
    default: {}
"""
