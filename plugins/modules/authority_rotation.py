#!/usr/bin/python
# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
module: authority_rotation
short_description: Plan the rotation of SPIRE servers' own authorities
version_added: 0.1.0
description:
  - "Internal: only the playbook C(spire.fleet.rotate_authority) uses it. Use the playbook."
  - Returns, on the controller, which hosts are affected when servers replace their X.509 or JWT authorities, and in which rounds the
    servers do it. It changes nothing.
  - It fails where an affected host is not part of the run, where SPIRE would refuse a step, and where the operator must choose the authority.
  - SPIRE revokes only the authority that a server signed with before the active one. The module warns of older ones that stay trusted.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  authority:
    description: The kind of authorities to replace.
    type: str
    choices: [x509, jwt]
    required: true
  revoke:
    description:
      - Whether to revoke every authority that exists now. A prepared one is activated first and then replaced as well, because SPIRE
        revokes only authorities that have been active.
    type: bool
    default: false
  start:
    description:
      - How to proceed on servers that have an old authority in their bundle. Required where there are any and O(revoke) is set.
      - V(taint) revokes only the old authority. V(prepare) revokes the active one as well.
    type: str
    choices: ["", prepare, taint]
    default: ""
  group:
    description: The inventory group of the servers. All servers, unless set.
    type: str
    default: ""
  hosts:
    description: The hosts of this run. They must include all servers and agents that have the authorities in their bundles.
    type: list
    elements: str
    required: true
  shown:
    description: >-
      The name under which the result of M(spire.fleet.local_authority) with O(spire.fleet.local_authority#module:state=shown) was registered on each
      server. Without it, the module returns only RV(servers) and RV(hosts).
    type: str
    default: ""
extends_documentation_fragment:
  - spire.fleet.attributes.controller
  - spire.fleet.attributes
attributes:
  diff_mode:
    support: none
    details: RV(msg) has the plan.
seealso:
  - module: spire.fleet.local_authority
  - module: spire.fleet.authority_rotation_info
"""

EXAMPLES = r"""
- name: Check that all affected servers and agents are part of the run
  spire.fleet.authority_rotation:
    authority: jwt
    hosts: "{{ ansible_play_hosts_all }}"
  run_once: true
"""

RETURN = r"""
msg:
  description: The plan as text.
  returned: success
  type: str
servers:
  description: The servers whose bundles hold the authorities.
  returned: success
  type: list
  elements: str
hosts:
  description: These servers and all of their agents.
  returned: success
  type: list
  elements: str
rounds:
  description: The rounds, in their order. Empty without O(shown).
  returned: success
  type: list
  elements: dict
  contains:
    group:
      description: The group of servers.
      type: str
    replace:
      description: The servers that prepare and activate a new authority.
      type: list
      elements: str
    revoke:
      description: For each server, the ID of the authority that is then tainted and revoked.
      type: dict
    servers_below:
      description: Nested servers whose CAs lead to those of the group. Of JWT keys, servers of all other tiers.
      type: list
      elements: str
"""
