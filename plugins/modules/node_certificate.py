#!/usr/bin/python
# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
module: node_certificate
short_description: Make the certificates for node attestation on the controller
version_added: 0.1.0
description:
  - "Internal: only the roles of this collection use it."
  - Makes, on the controller, the CA and the certificate that the current host's C(spire_x509pop) or C(spire_sshpop) variables ask for.
    The key of the certificate is made on the controller or on the host. Files that are as wanted stay as they are.
  - The name in the certificate is the host's name in the inventory, so the agent keeps its SPIFFE ID when the certificate is renewed.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  component:
    description: V(agent) for the certificate of its host, V(server) for the CAs that the server verifies nodes with.
    type: str
    choices: [server, agent]
    default: agent
  csr:
    description: The host's signing request in PEM, where the key is made on the host.
    type: str
    default: ""
extends_documentation_fragment:
  - spire.fleet.attributes.controller
  - spire.fleet.attributes
seealso:
  - module: spire.fleet.private_key_csr
  - module: spire.fleet.upstream_ca
"""

EXAMPLES = r"""
- name: Make a key on the host
  spire.fleet.private_key_csr:
    path: /etc/spire/agent/main.x509pop.key
    key_type: ec-p256
    owner: spire-agent
    group: spire-agent
  register: asked

- name: Sign it on the controller
  spire.fleet.node_certificate:
    csr: "{{ asked.csr }}"
"""

RETURN = r"""
certificate:
  description: The certificate for the host. Empty where check mode made none.
  returned: when O(component=agent)
  type: str
differences:
  description: What differed, as text.
  returned: success
  type: list
  elements: str
facts:
  description: The fields of the certificate.
  returned: when O(component=agent)
  type: dict
backup:
  description: The copy of a key that was replaced. Empty where none was.
  returned: when O(component=agent)
  type: str
"""
