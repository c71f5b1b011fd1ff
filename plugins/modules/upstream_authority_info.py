#!/usr/bin/python
# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
module: upstream_authority_info
short_description: Check in AWS whether a SPIRE server's upstream authority can sign
version_added: 0.1.0
description:
  - Reads, from the controller with boto3, the AWS resources that the current host's configuration names, and fails with a list of
    everything that is wrong.
  - For C(aws_pca) it checks the partition and region of the ARN, the status, the key and signing algorithm, the path length against the
    template, and the CA's expiry and mode against C(ca_ttl). For a role or user it asks IAM's simulator whether it may sign.
  - For C(awssecret) it reads the secrets and checks that they hold PEM, that key and certificate match, and that the CA can sign SPIRE's
    own CA. It returns nothing of the key.
  - A server with another upstream authority, or none, passes.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  principal:
    description:
      - For C(aws_pca), the ARN of the role or user that SPIRE runs with. The simulator evaluates its policies, not those of the CA.
      - The C(assume_role_arn) of the configuration, unless set. Without either, permissions are not checked.
    type: str
    default: ""
extends_documentation_fragment:
  - spire.fleet.attributes.read_only
  - spire.fleet.attributes.controller
  - spire.fleet.attributes
seealso:
  - module: spire.fleet.upstream_ca
  - plugin: spire.fleet.aws_policy
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Check the upstream authority of every server in AWS
  hosts: spire_servers
  gather_facts: false
  tasks:
    - name: Check the private CA, and the permissions of the servers' role
      spire.fleet.upstream_authority_info:
        principal: arn:aws:iam::123456789012:role/spire-server
"""

RETURN = r"""
authority:
  description: V(aws_pca) or V(awssecret). Empty for a server with another one, or none.
  returned: success
  type: str
facts:
  description: The properties of the CA in AWS, such as its C(status), C(key_algorithm), C(subject) and C(not_after).
  returned: success
  type: dict
"""
