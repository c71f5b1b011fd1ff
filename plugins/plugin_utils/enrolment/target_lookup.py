# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The base class of the lookups that name servers to ask."""

from __future__ import annotations

import functools

from ansible_collections.spire.fleet.plugins.plugin_utils.enrolment.targets import Targets, healthy_servers
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.lookup_base import FleetLookup

#: the variable that the playbooks register the answers of the servers in, of which any healthy one can be asked
CANDIDATES = "spire_component_candidates"


class TargetLookup(FleetLookup):
    """Reads which servers were healthy."""

    @functools.cached_property
    def targets(self) -> Targets:
        """The servers to ask, as far as this run knows which of them are healthy."""
        return Targets(self.fleet, healthy_servers((self.variables.get(CANDIDATES) or {}).get("results") or []))
