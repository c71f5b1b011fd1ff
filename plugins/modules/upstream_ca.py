#!/usr/bin/python
# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: upstream_ca
short_description: Keep the CA above a SPIRE server's own, on the controller
version_added: 0.1.0
description:
  - Makes, on the controller, what the current host's C(spire_pki) variables ask for - a root where there is none, and an intermediate
    for the server, whose key is made here or was born on the server. What is there and as it should be stays.
  - Where C(spire_pki) is C(awssecret) or C(aws_pca), makes and updates what AWS keeps of it as well, with boto3 and its credentials.
  - A root that is there and differs is an error. The fleet trusts it, so it is not replaced in passing.
  - The role C(spire.fleet.spire_pki) uses it. For CAs of your own, see M(spire.fleet.ca).
author:
  - spire.fleet contributors (@spire-fleet)
options:
  csr:
    description: The server's signing request in PEM, where its key is born on the server.
    type: str
    default: ""
extends_documentation_fragment:
  - spire.fleet.attributes
attributes:
  platform:
    platforms: posix
seealso:
  - module: spire.fleet.ca
  - module: spire.fleet.private_key_csr
"""

EXAMPLES = r"""
- name: Keep the server's upstream CA
  spire.fleet.upstream_ca:
"""

RETURN = r"""
certificate:
  description: The server's certificate and those between it and the root, in PEM. Empty where check mode made none.
  returned: success
  type: str
differences:
  description: What was not as it should be, in words.
  returned: success
  type: list
  elements: str
facts:
  description: What the certificate says, as in M(spire.fleet.ca).
  returned: success
  type: dict
backup:
  description: The copy of a key that was replaced. Empty where none was.
  returned: success
  type: str
"""
