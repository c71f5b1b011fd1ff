#!/usr/bin/python
# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: authority_rotation
short_description: Plan how SPIRE servers replace authorities of their own
version_added: 0.1.0
description:
  - Says, on the controller, whom it concerns that servers replace their X.509 or JWT authorities, and in which rounds they do. It fails
    where somebody is missing from the run, where SPIRE would refuse a step, and where only the operator knows which authority is meant.
    It changes nothing itself.
  - Where trust is taken from authorities, it warns of others that stay trusted, since SPIRE revokes only what a server signed with last.
  - C(spire.fleet.rotate_authority) uses it. Use the playbook.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  authority:
    description: Which authorities are replaced.
    type: str
    choices: [x509, jwt]
    required: true
  revoke:
    description:
      - Whether the trust is taken from every authority that is there now. One that is prepared is used first and then replaced as well,
        because SPIRE takes the trust only from one that has been used.
    type: bool
    default: false
  start:
    description:
      - What is to become of servers that have an old authority in their bundle. Required where there are any and O(revoke) is set.
      - V(taint) takes the trust from the old one alone. V(prepare) takes it from the one that signs as well.
    type: str
    choices: ["", prepare, taint]
    default: ""
  group:
    description: The inventory group of the servers. All servers unless it is given.
    type: str
    default: ""
  hosts:
    description: The hosts of this run. All servers and agents that have the authorities in their bundles must be among them.
    type: list
    elements: str
    required: true
  shown:
    description: >-
      The name under which the result of M(spire.fleet.local_authority) with O(spire.fleet.local_authority#module:state=shown) was registered on each
      server. Without it, only RV(servers) and RV(hosts) are told.
    type: str
    default: ""
extends_documentation_fragment:
  - spire.fleet.attributes
attributes:
  diff_mode:
    support: none
    details: What is to be done is in RV(msg).
  platform:
    platforms: posix
seealso:
  - module: spire.fleet.local_authority
  - module: spire.fleet.authority_rotation_info
"""

EXAMPLES = r"""
- name: See whether everybody takes part
  spire.fleet.authority_rotation:
    authority: jwt
    hosts: "{{ ansible_play_hosts_all }}"
  run_once: true
"""

RETURN = r"""
msg:
  description: What the rounds do.
  returned: success
  type: str
servers:
  description: The servers whose bundles have the authorities.
  returned: success
  type: list
  elements: str
hosts:
  description: Those servers, and all agents of theirs.
  returned: success
  type: list
  elements: str
rounds:
  description: What is to be done, one after the other. Empty without O(shown).
  returned: success
  type: list
  elements: dict
  contains:
    group:
      description: The group of servers.
      type: str
    replace:
      description: The servers that prepare an authority and sign with it.
      type: list
      elements: str
    revoke:
      description: By server, the ID of the authority that is then tainted and revoked.
      type: dict
    servers_below:
      description: Nested servers whose CAs lead to those of the group. Of JWT keys, servers of all other tiers.
      type: list
      elements: str
"""
