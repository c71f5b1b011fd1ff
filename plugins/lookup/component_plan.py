# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: component_plan
short_description: What a SPIRE server or agent should be on this host
version_added: 0.1.0
description:
  - Returns names, paths and versions of the planned server or agent of the current host, for tasks that act on it.
  - Contents of files are not in it, since they may hold secrets; see P(spire.fleet.rendered_file#lookup).
author:
  - spire.fleet contributors (@spire-fleet)
options:
  _terms:
    description: V(server) or V(agent).
    type: list
    elements: str
    required: true
  machine:
    description: The host's architecture as its kernel calls it. With it, the source of the binaries is returned, too.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Show where the server's configuration lies
  ansible.builtin.debug:
    msg: "{{ lookup('spire.fleet.component_plan', 'server').config }}"
"""

RETURN = r"""
_raw:
  description: One dictionary for each term.
  type: list
  elements: dict
"""

from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.plan import task_view
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.lookup_base import FleetLookup


class LookupModule(FleetLookup):
    """See DOCUMENTATION."""

    def look_up(self, terms: list[str]) -> list[dict[str, Any]]:
        """Returns what tasks may see of the plan of each component."""
        return [task_view.of_plan(self.plan(term), self.get_option("machine")) for term in terms]
