#!/usr/bin/python
# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: report
short_description: Judge what was seen of a SPIRE fleet
version_added: 0.1.0
description:
  - Takes what the modules of this collection saw of servers and agents, judges it on the controller, and prints a table.
  - A server must be healthy. An agent must be attested and listed by its server under its own SPIFFE ID, and an SVID that
    was fetched through it must have the expected SPIFFE ID, enough life left, and a chain that leads to the server's
    bundle. Nothing may differ from the plan.
  - Fails when something is wrong with one of them.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  hosts:
    description:
      - The servers and agents to judge, by their inventory names. What C(spire.fleet.verify) registered of them is read
        from their variables.
    type: list
    elements: str
    required: true
extends_documentation_fragment:
  - spire.fleet.attributes
  - spire.fleet.attributes.read_only
attributes:
  platform:
    platforms: posix
"""

EXAMPLES = r"""
- name: Judge what was seen
  spire.fleet.report:
    hosts: "{{ ansible_play_hosts_all }}"
  run_once: true
"""

RETURN = r"""
fleet:
  description: Every server and agent as it was seen.
  returned: always
  type: list
  elements: dict
  contains:
    host:
      description: The inventory name.
      type: str
    component:
      description: V(server) or V(agent).
      type: str
    group:
      description: The inventory group of the servers that it belongs to.
      type: str
    spiffe_id:
      description: An agent's own SPIFFE ID.
      type: str
    version:
      description: A server's version.
      type: str
    svid:
      description: The SPIFFE ID of the SVID that was fetched through an agent.
      type: str
    expires:
      description: When that SVID expires, in ISO 8601.
      type: str
    differs:
      description: What differs from the plan.
      type: list
      elements: str
    problems:
      description: What is wrong. Empty when everything is as it should be.
      type: list
      elements: str
"""
