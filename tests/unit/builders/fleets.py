# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds fleets in memory, without an inventory file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common import problems
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.variables import Values
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules import run as rules_run

DOMAIN = "prod.acme.com"
#: the plugins of an agent that attests with the user's own certificate
X509POP = {"NodeAttestor": {"x509pop": {"plugin_data": {"private_key_path": "/k.pem", "certificate_path": "/c.pem"}}}}
#: a trust bundle, and its SHA-256 fingerprint
BUNDLE = (Path(__file__).parents[3] / "examples" / "agents_only" / "bundle.pem").read_text("utf-8")
BUNDLE_SHA256 = "465a3b0ed971fe1439f13ca3bcee347a650732669d67f33a90c617b8dad111ab"
#: the variables of an agent whose servers are not in the inventory
ALONE = {
    "spire_server_address": "spire.acme.com", "spire_trust_bundle": BUNDLE, "spire_join_token": "9e0c2b7a-1c1d-4b83-9b1e-1f0f4b7a1c11",
}


def fleet(
    common: Mapping[str, Any] | None = None,
    servers: tuple[str, ...] = ("s1",),
    agents: tuple[str, ...] = ("a1",),
    groups: Mapping[str, list[str]] | None = None,
    **hosts: Mapping[str, Any],
) -> Fleet:
    """Returns a fleet. ``common`` are the variables of all hosts; an argument with a host's name has variables of that host."""
    everywhere = {"spire_trust_domain": DOMAIN, **(common or {})}
    return Fleet(
        {"spire_servers": list(servers), "spire_agents": list(agents), **(groups or {})},
        lambda host: Values({**everywhere, **hosts.get(host, {})}),
    )


def server_tree(**blocks: Any) -> dict[str, Any]:
    """Returns the variable that sets these blocks of a server's tree."""
    return {"spire_server_config": blocks}


def agent_tree(**blocks: Any) -> dict[str, Any]:
    """Returns the variable that sets these blocks of an agent's tree."""
    return {"spire_agent_config": blocks}


def mistakes(made: Fleet) -> str:
    """Returns what preflight prints about a fleet, without the ids of rules, which the cases of each rule check."""
    return rendered(rules_run.of_fleet(made))


def rendered(found: Iterable[problems.Problem]) -> str:
    """Returns the lines of problems, without the ids of rules."""
    return re.sub(r" \(rule \w+\)", "", problems.render(found))


def planned(component: str, common: Mapping[str, Any] | None = None, **own: Any) -> Plan:
    """Returns the plan of a small fleet's only server or agent."""
    host = "s1" if component == "server" else "a1"
    return plan(component, host, fleet(common, **{host: own}))
