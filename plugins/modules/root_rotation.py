#!/usr/bin/python
# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
module: root_rotation
short_description: Begin and advance a rotation of the root above SPIRE servers
version_added: 0.1.0
description:
  - "Internal: only the playbook C(spire.fleet.rotate_upstream) uses it. Use the playbook."
  - Records, on the controller beside the root, which step the rotation of a trust domain's root has reached. The files that every run
    brings to the servers depend on that step.
  - It advances only when M(spire.fleet.root_rotation_info) has found each server and agent of the trust domain ready.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  state:
    description:
      - V(begun) begins the rotation O(name), or returns the one that is under way. It makes the new root, unless C(spire_pki_next_issuer)
        names a CA of yours.
      - V(advanced) advances it from O(step) to the next step.
      - V(signed_under_old_root) gives the servers in O(servers_on_old_root), and no others, the files of the step V(trust) while the rotation is at
        the step V(use). It is meant for servers that have replaced their CA by themselves before the old root was tainted.
    type: str
    choices: [begun, advanced, signed_under_old_root]
    default: begun
  name:
    description: >-
      The name of a new rotation. A rotation that has ended does not begin again under its name. Unless set, none begins.
    type: str
    default: ""
  trust_domain:
    description: The trust domain of the root. Needed where the inventory has several.
    type: str
    default: ""
  step:
    description: The step that is done.
    type: str
    default: ""
  servers_on_old_root:
    description: With O(state=signed_under_old_root), the servers whose CA the old root signs again. None of them has tainted the old root.
    type: list
    elements: str
    default: []
  hosts:
    description: The hosts of this run. They must include all servers and agents of the trust domain.
    type: list
    elements: str
    required: true
  checked:
    description: The name under which the result of M(spire.fleet.root_rotation_info) was registered on each host.
    type: str
    default: spire_rotation_check
extends_documentation_fragment:
  - spire.fleet.attributes.controller
  - spire.fleet.attributes
attributes:
  diff_mode:
    support: none
    details: RV(msg) has what was done.
seealso:
  - module: spire.fleet.root_rotation_info
  - module: spire.fleet.local_authority
"""

EXAMPLES = r"""
- name: Begin a rotation, or continue the one that is under way
  spire.fleet.root_rotation:
    name: 2027-01
    hosts: "{{ ansible_play_hosts_all }}"
  run_once: true
  register: rotation
"""

RETURN = r"""
msg:
  description: What was done. Where no rotation is under way, which CA signs and when its root expires.
  returned: success
  type: str
name:
  description: The name of the rotation. Empty where none is under way.
  returned: success
  type: str
step:
  description: The step that the rotation has reached - V(trust), V(use), V(remove) or V(done). Empty where none is under way.
  returned: success
  type: str
old_key_id:
  description: The subject key ID of the root that is replaced.
  returned: success
  type: str
servers:
  description: The servers whose CA is signed by the CA on the controller.
  returned: success
  type: list
  elements: str
hosts:
  description: All servers and agents of the trust domain.
  returned: success
  type: list
  elements: str
targets:
  description: One server of each datastore.
  returned: success
  type: list
  elements: str
servers_on_old_root:
  description: The servers whose CA the old root signs again.
  returned: success
  type: list
  elements: str
"""
