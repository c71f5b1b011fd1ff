#!/usr/bin/python
# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
module: datastore
short_description: Make the role, the database and the rights of a SPIRE server
version_added: 0.1.0
description:
  - "Internal: only the playbook C(spire.fleet.datastore) uses it. Use the playbook."
  - Makes what the connection strings of the planned server name, with modules of C(community.postgresql) or C(community.mysql). Where these, or
    the packages of Python that they need, are missing, and where the inventory names no administrator of the database, it prints the statements
    instead, with a placeholder for each password.
  - Of several servers of the play that share a database, only the first one's task does something.
author:
  - spire.fleet contributors (@spire-fleet)
options: {}
extends_documentation_fragment:
  - spire.fleet.attributes.controller
  - spire.fleet.attributes
"""

EXAMPLES = r"""
- name: Make the role, the database and its rights
  spire.fleet.datastore:
  delegate_to: "{{ lookup('spire.fleet.component_plan', 'server').datastore_admin.host or inventory_hostname }}"
"""

RETURN = r"""
made:
  description: What was made or changed, or would be in check mode.
  returned: success
  type: list
  elements: str
statements:
  description: The statements that were printed; empty where the task has made what they say.
  returned: success
  type: str
"""
