#!/usr/bin/python
# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight
short_description: Check the variables of a whole SPIRE fleet
version_added: 0.1.0
description:
  - Plans every server and agent of the inventory on the controller, whatever C(--limit) says, and checks each
    configuration against what its SPIRE release takes, and the servers and agents against each other.
  - All mistakes of all hosts come in one message. No host is contacted.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  acts:
    description:
      - Whether the playbook goes on to make servers, agents and entries, as far as its tags say.
      - What a SPIRE release is too old for is then a mistake where a step would take it, and a warning otherwise.
    type: bool
    default: false
extends_documentation_fragment:
  - spire.fleet.attributes
  - spire.fleet.attributes.read_only
attributes:
  platform:
    platforms: posix
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
"""
