# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: site_result
short_description: What a run of site has changed
version_added: 0.1.0
description:
  - "Internal: the playbooks of this collection use it; it may change at any time."
  - Returns what C(spire.fleet.site) gives to the next node of a workflow. It reads the results of the drift checks without templating them, since there
    may be thousands.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  _terms:
    description: The hosts of the run.
    type: list
    elements: str
    required: true
  running:
    description: Those that have not failed.
    type: list
    elements: str
    required: true
  entries:
    description: The results of M(spire.fleet.entries), one for each server that was asked.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Show what was changed
  ansible.builtin.debug:
    msg: "{{ lookup('spire.fleet.site_result', *ansible_play_hosts_all, running=ansible_play_hosts) }}"
"""

RETURN = r"""
_raw:
  description: One dictionary. docs/awx.md has its keys.
  type: list
  elements: dict
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.enrolment.target_lookup import SERVER_DRIFT
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.lookup_base import AGENT_DRIFT, FleetLookup
from ansible_collections.spire.fleet.plugins.plugin_utils.report import run_result


class LookupModule(FleetLookup):
    """See DOCUMENTATION."""

    def look_up(self, terms: list[str]) -> list[dict[str, Any]]:
        """Returns the result of the run."""
        return [run_result.of_site(terms, self.get_option("running"), self._checks, self.get_option("entries"))]

    def _checks(self, host: str) -> Iterator[Mapping[str, Any]]:
        known = self.variables["hostvars"].raw_get(host)
        return (known[name] for name in (SERVER_DRIFT, AGENT_DRIFT) if known.get(name))
