#!/usr/bin/python
# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: authority_rotation_info
short_description: See what a host knows and holds of its servers' authorities
version_added: 0.1.0
description:
  - Looks at the current host's server and agent, and judges on the controller whether their bundles have certain authorities of the
    servers, and whether anything of others is left. Use it with C(until).
  - What a workload sees is asked for where the agent has a canary, as C(spire.fleet.verify) does. Of JWT keys nothing else is seen on
    agents. The tokens that are fetched for it are dropped on the host.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  authority:
    description: Which authorities it is about.
    type: str
    choices: [x509, jwt]
    required: true
  group:
    description:
      - The inventory group of the servers. A host that has nothing of theirs in its bundle is ready. Their X.509 authorities are in the
        bundles of nested servers below them, and their JWT keys in those of all tiers. All servers unless it is given.
    type: str
    default: ""
  trusted:
    description: IDs of authorities that must be in the bundles.
    type: list
    elements: str
    default: []
  retired:
    description: IDs of authorities that must not have signed the SVIDs in use, nor any CA above them.
    type: list
    elements: str
    default: []
  shown:
    description: >-
      The name under which the result of M(spire.fleet.local_authority) was registered on servers. Whatever one of O(retired) signed, by these
      results, is retired as well.
    type: str
    default: ""
  gone:
    description: IDs of authorities that must be in no bundle.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - spire.fleet.attributes
  - spire.fleet.attributes.read_only
seealso:
  - module: spire.fleet.local_authority
"""

EXAMPLES = r"""
- name: Wait until the host knows the key that is prepared
  spire.fleet.authority_rotation_info:
    authority: jwt
    group: spire_servers
    trusted: ["{{ prepared.authority_id }}"]
  register: checked
  until: checked.ready
  retries: 12
  delay: 5
"""

RETURN = r"""
ready:
  description: Whether all of it holds.
  returned: always
  type: bool
waiting_for:
  description: What does not, in words.
  returned: always
  type: list
  elements: str
"""
