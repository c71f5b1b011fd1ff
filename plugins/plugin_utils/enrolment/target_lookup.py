# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The base class of the lookups that name servers to ask."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.enrolment.targets import Targets, healthy_servers
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.lookup_base import FleetLookup

#: the variable that the playbooks register the answers of the servers in, of which any healthy one can be asked
CANDIDATES = "spire_component_candidates"
#: the variable that the playbooks and the role register the drift check of a server in
SERVER_DRIFT = "spire_server_drift"
#: the variables of a server whose results say whether it is healthy
WITH_HEALTH = (SERVER_DRIFT, "spire_verify_state")


class TargetLookup(FleetLookup):
    """Reads which servers were healthy."""

    @functools.cached_property
    def known(self) -> dict[str, str]:
        """A server of each group of several that this run has already found healthy."""
        return known_healthy(self.variables["hostvars"], self.fleet.server_groups(self.fleet.servers))

    @functools.cached_property
    def targets(self) -> Targets:
        """The servers to ask, as far as this run knows which of them are healthy."""
        return Targets(self.fleet, {**healthy_servers((self.variables.get(CANDIDATES) or {}).get("results") or []), **self.known})


def known_healthy(hostvars: Any, groups: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Returns the first server of each group of several servers that this run has found healthy. Groups without one are left out.

    ``hostvars`` is Ansible's variable of this name. It is read without templating, because the results may be large.
    """
    found = {group: next(filter(functools.partial(_healthy, hostvars), servers), "") for group, servers in groups.items() if len(servers) > 1}
    return {group: server for group, server in found.items() if server}


def _healthy(hostvars: Any, server: str) -> bool:
    """Whether one of the results of a server says that it is healthy."""
    variables = hostvars.raw_get(server)
    return any((variables.get(name) or {}).get("healthy") for name in WITH_HEALTH)
