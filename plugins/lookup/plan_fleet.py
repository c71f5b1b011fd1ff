# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: plan_fleet
short_description: Plan every SPIRE server and agent in Ansible's main process
version_added: 0.1.0
description:
  - "Internal: the playbooks of this collection use it; it may change at any time."
  - Ansible evaluates C(run_once) in its main process, and forks from it a process for each task on each host. What this lookup plans there,
    in memory alone, all tasks of the run inherit. Without it each of them makes the plans that it needs.
  - It plans once in a run.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  _terms:
    description: Nothing. The whole inventory is planned.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Check the inventory
  spire.fleet.preflight:
  run_once: "{{ lookup('spire.fleet.plan_fleet') }}"
"""

RETURN = r"""
_raw:
  description: V(true).
  type: list
  elements: bool
"""

from ansible_collections.spire.fleet.plugins.plugin_utils.common import cryptography_import as crypto
from ansible_collections.spire.fleet.plugins.plugin_utils.plan import build, made
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.lookup_base import FleetLookup
from ansible_collections.spire.fleet.plugins.plugin_utils.rules import run


class LookupModule(FleetLookup):
    """See DOCUMENTATION."""

    def look_up(self, terms: list[str]) -> list[bool]:
        """Plans the fleet, unless this process or the one that it was forked from has done so."""
        # Without the library cryptography nothing can be planned. The task that needs a plan reports that.
        if not made.any_kept() and not crypto.MISSING:
            build.plan_fleet(self.fleet)
            # Which rules apply to a release is found out once, too.
            for component in build.COMPONENTS:
                for host in self.fleet.hosts(component)[:1]:
                    run.of_plan(build.plan(component, host, self.fleet), self.fleet)
        return [True]
