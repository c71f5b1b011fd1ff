#!/usr/bin/python
# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
module: preflight
short_description: Check the variables of a whole SPIRE fleet
version_added: 0.1.0
description:
  - Plans every server and agent of the inventory on the controller, regardless of C(--limit), and checks each configuration
    against the SPIRE release of its host, and the servers and agents against each other.
  - One message has all mistakes of all hosts. No host is contacted.
  - The next node of a workflow in AWX gets the counts as C(spire_preflight).
author:
  - spire.fleet contributors (@spire-fleet)
options:
  acts:
    description:
      - Whether the playbook goes on to install servers and agents and to make entries, as far as its tags select that.
      - A SPIRE release that is too old for one of these steps is a mistake then, and a warning otherwise.
    type: bool
    default: false
extends_documentation_fragment:
  - spire.fleet.attributes.read_only
  - spire.fleet.attributes.controller
  - spire.fleet.attributes
"""

EXAMPLES = r"""
- name: Check the whole fleet
  spire.fleet.preflight:
  run_once: true
"""

RETURN = r"""
servers:
  description: How many servers the inventory has.
  returned: success
  type: int
agents:
  description: How many agents the inventory has.
  returned: success
  type: int
warned:
  description: How many warnings there are.
  returned: success
  type: int
ansible_stats:
  description: The counts as M(ansible.builtin.set_stats) gives them to the next node of a workflow.
  returned: success
  type: dict
"""
