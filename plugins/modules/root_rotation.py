#!/usr/bin/python
# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: root_rotation
short_description: Begin a rotation of the root above SPIRE servers, and let it go on
version_added: 0.1.0
description:
  - Keeps, on the controller and beside the root, how far the rotation of a trust domain's root is. The files that every run brings to
    the servers follow it.
  - It goes on only when each server and agent of the trust domain was seen to be ready by M(spire.fleet.root_rotation_info).
  - C(spire.fleet.rotate_upstream) uses it. Use the playbook.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  state:
    description:
      - V(begun) begins the rotation O(name), or returns the one that is under way. It makes the new root, unless C(spire_pki_next_issuer)
        names a CA of yours.
      - V(advanced) lets it go on from O(step) to the next one.
      - V(fallen_back) has the servers in O(behind), and no others, get what the step V(trust) gives, while the rotation is at the step
        V(use). It is meant for servers that have replaced their CA by themselves before the old root was tainted.
    type: str
    choices: [begun, advanced, fallen_back]
    default: begun
  name:
    description: >-
      The name of a new rotation. One that has ended under this name does not begin again. Unless it is given, none begins.
    type: str
    default: ""
  trust_domain:
    description: Whose root it is. Needed where the inventory has several.
    type: str
    default: ""
  step:
    description: The step that is done.
    type: str
    default: ""
  behind:
    description: Of O(state=fallen_back), the servers. None of them has tainted the old root.
    type: list
    elements: str
    default: []
  hosts:
    description: The hosts of this run. All servers and agents of the trust domain must be among them.
    type: list
    elements: str
    required: true
  checked:
    description: The name under which the result of M(spire.fleet.root_rotation_info) was registered on each host.
    type: str
    default: spire_rotation_check
extends_documentation_fragment:
  - spire.fleet.attributes
attributes:
  diff_mode:
    support: none
    details: What it does is a word or two in RV(msg).
  platform:
    platforms: posix
seealso:
  - module: spire.fleet.root_rotation_info
  - module: spire.fleet.local_authority
"""

EXAMPLES = r"""
- name: Begin, or go on with what is under way
  spire.fleet.root_rotation:
    name: 2027-01
    hosts: "{{ ansible_play_hosts_all }}"
  run_once: true
  register: rotation
"""

RETURN = r"""
msg:
  description: What was done. Where no rotation is under way, which CA signs and how long its root lives.
  returned: success
  type: str
name:
  description: The name of the rotation. Empty where none is under way.
  returned: success
  type: str
step:
  description: The step that it has reached - V(trust), V(use), V(remove) or V(done). Empty where none is under way.
  returned: success
  type: str
old_key_id:
  description: The subject key ID of the root that goes.
  returned: success
  type: str
servers:
  description: The servers whose CA is signed by what lies on the controller.
  returned: success
  type: list
  elements: str
hosts:
  description: All servers and agents of the trust domain.
  returned: success
  type: list
  elements: str
targets:
  description: One server for each datastore.
  returned: success
  type: list
  elements: str
behind:
  description: The servers that have fallen back.
  returned: success
  type: list
  elements: str
"""
