#!/usr/bin/python
# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: upstream_authority_info
short_description: Ask AWS whether a SPIRE server's upstream authority can sign
version_added: 0.1.0
description:
  - Looks, from the controller and with boto3, at what the current host's tree names in AWS, and fails with everything that is wrong.
  - Of C(aws_pca) it looks at partition and region of the ARN, status, key and signing algorithm, path length against the template, and
    the CA's end and mode against C(ca_ttl). For a role or user it asks IAM's simulator whether it may sign.
  - Of C(awssecret) it reads the secrets, and looks whether they hold PEM, belong together, and make a CA above SPIRE's own.
    Nothing of the key is told.
  - A server with another upstream authority, or none, passes.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  principal:
    description:
      - For C(aws_pca), the ARN of the role or user that SPIRE has. The simulator sees its policies, and none of the CA's own.
      - The tree's C(assume_role_arn), unless set; where neither is, permissions are not looked at.
    type: str
    default: ""
extends_documentation_fragment:
  - spire.fleet.attributes
  - spire.fleet.attributes.read_only
attributes:
  platform:
    platforms: posix
seealso:
  - module: spire.fleet.upstream_ca
  - plugin: spire.fleet.aws_policy
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Ask AWS about the upstream authority of every server
  hosts: spire_servers
  gather_facts: false
  tasks:
    - name: Look at the private CA, and at what the servers' role may do with it
      spire.fleet.upstream_authority_info:
        principal: arn:aws:iam::123456789012:role/spire-server
"""

RETURN = r"""
authority:
  description: V(aws_pca) or V(awssecret). Empty for a server with another one, or none.
  returned: success
  type: str
facts:
  description: What AWS says of the CA, such as its C(status), C(key_algorithm), C(subject) and C(not_after).
  returned: success
  type: dict
"""
