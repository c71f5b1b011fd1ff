# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers whose datastore is missing while their agents still hold identities: such a server would start with a new authority.

A server that was never installed has no datastore either, so its agents are asked before it is started. A server with a database elsewhere
finds its authority there, and one with an upstream authority gets its CA from there, so that neither is asked about.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import svid


def agents(fleet: Fleet, lost: Collection[str]) -> list[str]:
    """Returns the agents of those servers without a datastore, of the servers in ``lost``, that would make a new authority."""
    bare = {host for host in fleet.servers if host in lost and _own_authority(plan("server", host, fleet))}
    return [agent for agent in fleet.agents if bare.intersection(fleet.servers_of(agent))]


def held_identity(planned: Plan, observed: Mapping[str, Any], now: datetime.datetime) -> str:
    """Describes the identity that an agent holds of its server's trust domain; empty where it has none, or only an expired one."""
    own = svid.of_chain(observed["identity"].get("chain") or [])
    if own is None or own.expires <= now or own.trust_domain != planned.trust_domain or planned.server is None:
        return ""
    return (
        f"{planned.host} holds the identity {own.spiffe_id} until {own.expires:%Y-%m-%dT%H:%M:%SZ}, and its server {planned.server.host} has no "
        f"datastore {planned.server.datastore_file}."
    )


def _own_authority(planned: Plan) -> bool:
    return bool(planned.datastore_file) and not planned.upstream_authority[1] and not planned.values["spire_new_authority"]
