#!/usr/bin/python
# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
module: upstream_ca
short_description: Make the CA above a SPIRE server's own CA on the controller
version_added: 0.1.0
description:
  - "Internal: only the roles of this collection use it. For CAs of your own, see M(spire.fleet.ca)."
  - Makes, on the controller, what the current host's C(spire_pki) variables ask for - a root where there is none, and an intermediate
    for the server. The intermediate's key is made on the controller or on the server. Files that are as wanted stay as they are.
  - Where C(spire_pki) is C(awssecret) or C(aws_pca), it also makes and updates the secrets or the private CA in AWS, with boto3 and its
    credentials.
  - An existing root that differs is an error, because the fleet trusts it. C(spire.fleet.rotate_upstream) replaces a root.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  csr:
    description: The server's signing request in PEM, where the key is made on the server.
    type: str
    default: ""
extends_documentation_fragment:
  - spire.fleet.attributes.controller
  - spire.fleet.attributes
seealso:
  - module: spire.fleet.ca
  - module: spire.fleet.private_key_csr
"""

EXAMPLES = r"""
- name: Make or renew the server's upstream CA
  spire.fleet.upstream_ca:
"""

RETURN = r"""
certificate:
  description: The server's certificate and the intermediates up to the root, in PEM. Empty where check mode made none.
  returned: success
  type: str
differences:
  description: What differed, as text.
  returned: success
  type: list
  elements: str
facts:
  description: The fields of the certificate, as in M(spire.fleet.ca).
  returned: success
  type: dict
backup:
  description: The copy of a key that was replaced. Empty where none was.
  returned: success
  type: str
"""
