#!/usr/bin/python
# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
module: rule_info
short_description: Print a rule of preflight
version_added: 0.1.0
description:
  - "Internal: only the playbook C(spire.fleet.explain) uses it. Use the playbook."
  - Prints what a rule of P(spire.fleet.preflight#module) asks for, since which release, where that is written, how C(spire_allow) permits what it
    refuses, and a wrong and a right example.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  rule:
    description: The id of the rule, as it stands in a message. Without it, all rules are listed.
    type: str
    default: ""
extends_documentation_fragment:
  - spire.fleet.attributes.read_only
  - spire.fleet.attributes.controller
  - spire.fleet.attributes
"""

EXAMPLES = r"""
- name: Print a rule
  spire.fleet.rule_info:
    rule: memory_datastore
"""

RETURN = r"""
text:
  description: What was printed.
  returned: success
  type: str
"""
