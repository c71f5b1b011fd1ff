#!/usr/bin/python
# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: node_certificate
short_description: Keep the certificate by which a SPIRE agent proves its node, on the controller
version_added: 0.1.0
description:
  - Makes, on the controller, what the current host's C(spire_x509pop) or C(spire_sshpop) variables ask for - a CA where there is none,
    and a certificate for the agent's host, whose key is made here or was born on the host. What is there and as it should be stays.
  - The name in the certificate is the host's name in the inventory, and so the agent keeps its SPIFFE ID when it is renewed.
  - The role C(spire.fleet.spire_pki) uses it.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  component:
    description: V(agent) for the certificate of its host, V(server) for the CAs alone that it verifies nodes with.
    type: str
    choices: [server, agent]
    default: agent
  csr:
    description: The host's signing request in PEM, where its key is born there.
    type: str
    default: ""
extends_documentation_fragment:
  - spire.fleet.attributes
attributes:
  platform:
    platforms: posix
seealso:
  - module: spire.fleet.private_key_csr
  - module: spire.fleet.upstream_ca
"""

EXAMPLES = r"""
- name: Have the host make a key
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
  description: The certificate as the host should have it. Empty where check mode made none, absent for servers.
  returned: when O(component=agent)
  type: str
differences:
  description: What was not as it should be, in words.
  returned: success
  type: list
  elements: str
facts:
  description: What the certificate says.
  returned: when O(component=agent)
  type: dict
backup:
  description: The copy of a key that was replaced. Empty where none was.
  returned: when O(component=agent)
  type: str
"""
