#!/usr/bin/python
# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
module: authority_rotation_info
short_description: Check which authorities of its servers a host trusts and uses
version_added: 0.1.0
description:
  - "Internal: only the playbook C(spire.fleet.rotate_authority) uses it. Use the playbook."
  - Reads the bundles and the chains of the current host's server and agent, and checks on the controller whether given authorities are
    in the bundles, and whether SVIDs of other authorities are still in use. Use it with C(until).
  - Where the agent has a canary, it fetches an SVID as a workload, as C(spire.fleet.verify) does. This is the only way to see JWT keys
    on agents. The tokens that are fetched for it are dropped on the host.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  authority:
    description: The kind of authorities.
    type: str
    choices: [x509, jwt]
    required: true
  group:
    description:
      - The inventory group of the servers. All servers, unless set. A host whose bundle holds none of their authorities is ready.
      - Their X.509 authorities are in the bundles of nested servers below them, and their JWT keys in the bundles of all tiers.
    type: str
    default: ""
  trusted:
    description: IDs of authorities that must be in the bundles.
    type: list
    elements: str
    default: []
  retired:
    description: IDs of authorities that must not be in the chain of any SVID in use.
    type: list
    elements: str
    default: []
  shown:
    description: >-
      The name under which the result of M(spire.fleet.local_authority) was registered on servers. An authority that one of
      O(retired) signed, by these results, counts as retired as well.
    type: str
    default: ""
  gone:
    description: IDs of authorities that no bundle may hold.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - spire.fleet.attributes.read_only
  - spire.fleet.attributes
seealso:
  - module: spire.fleet.local_authority
"""

EXAMPLES = r"""
- name: Wait until the host trusts the prepared key
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
  description: Whether all conditions hold.
  returned: always
  type: bool
waiting_for:
  description: The conditions that do not hold yet, as text.
  returned: always
  type: list
  elements: str
"""
