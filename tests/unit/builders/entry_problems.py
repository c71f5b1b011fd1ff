# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes a fleet with one entry, and returns preflight's messages about the entry."""

from __future__ import annotations

from typing import Any

from tests.unit.builders.fleets import fleet, mistakes

SERVER = "spiffe://prod.acme.com/spire/server"
WORKLOADS = "/fleet/spire_agents"


def entry_messages(
    selectors: list[Any],
    parent: str = WORKLOADS,
    agent: dict[str, Any] | None = None,
    server: dict[str, Any] | None = None,
    version: str = "1.15.3",
    **entry: Any,
) -> str:
    """Returns preflight's messages about an entry with these selectors. ``agent`` and ``server`` are plugins by type and name."""
    common: dict[str, Any] = {
        "spire_version": version,
        "spire_canary": False,
        "spire_entries": [{"spiffe_id": "/web", "parent_id": parent, "selectors": selectors, **entry}],
    }
    own = {"spire_agent_config": {"plugins": plugins(agent)}} if agent else {}
    servers = {"spire_server_config": {"plugins": plugins(server)}} if server else {}
    return mistakes(fleet(common, a1=own, s1=servers))


def plugins(given: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, data in given.items():
        kind, plugin = name.split(".")
        found.setdefault(kind, {})[plugin] = data if "plugin_cmd" in data else {"plugin_data": data}
    return found


DOCKER = {"WorkloadAttestor.docker": {}}
K8S = {"WorkloadAttestor.k8s": {"disable_container_selectors": True}}
AWS = {"NodeAttestor.aws_iid": {}}
AT = "spire_entries[0].selectors[0]"
