# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files on a host that hold a key."""

from __future__ import annotations

from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import fleet_rule


@fleet_rule("both", allow="world_readable_key")
def readable_key(option: str, file: str, mode: str) -> str:
    """A file that holds a key or a token can be read by its service and by root alone. The look asks the host.

    Source: doc/plugin_server_upstreamauthority_disk.md and doc/plugin_agent_nodeattestor_x509pop.md, v1.15.3; the newer guide to
    configuring SPIRE (precautions for keys on disk)
    """
    return (
        f"{file} ({option}) can be read by every user of the host: its mode is {mode}. Make it 0640 with the group of the service, "
        "or 0600. If it is meant so: spire_allow: [world_readable_key]."
    )
