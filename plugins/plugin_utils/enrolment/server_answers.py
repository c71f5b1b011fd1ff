# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds what servers answered about their agents, or why they gave no answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.entries import desired as desired_entries
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan


def server_answer(host: str, fleet: Fleet, results: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Returns the answer of this agent's server among these results; None where no server was asked or could answer."""
    result = _answer(host, fleet, results)
    return result if result.get("healthy") else None


def tokenless(planned: Plan, fleet: Fleet) -> str:
    """Returns why there is no join token for this agent; empty where there is one."""
    if fleet.servers_of(planned.host) or planned.values["spire_join_token"]:
        return ""
    return (
        "The agent needs a join token, and its servers are not in this inventory. Set spire_join_token to "
        "a fresh one, or choose another NodeAttestor."
    )


def server_knowledge(host: str, fleet: Fleet, results: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Returns the answer of this agent's server; None where there is no answer. The server's agents are in it by their SPIFFE ID, and
    ``banned_as`` has the SPIFFE IDs under which the server has banned this host."""
    result = server_answer(host, fleet, results)
    return {**by_id(result), "banned_as": _banned_as(host, fleet, result["agents"])} if result else None


def _banned_as(host: str, fleet: Fleet, agents: Sequence[Mapping[str, Any]]) -> list[str]:
    """Returns the SPIFFE IDs under which the server has banned this host, by the entries that tie its agent to the aliases of its groups.

    A banned agent deletes its SVID, so the host itself can't tell.
    """
    banned = [agent for agent in agents if agent.get("entries") and agent.get("banned")]
    own = set(desired_entries.ids_of_agent(fleet, host)) if banned else set()
    return [str(agent["id"]) for agent in banned if own & set(agent["entries"])]


def by_id(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a server's answer with its agents by their SPIFFE ID."""
    return {**answer, "agents": {agent["id"]: agent for agent in answer["agents"]}}


def silence(host: str, fleet: Fleet, registered: Mapping[str, Any]) -> str:
    """Returns why this agent's server, which is in the inventory, gave no answer; empty when it did.

    ``registered`` is the registered result of the task that asked the servers.
    """
    results = registered.get("results", [])
    if not fleet.servers_of(host) or server_answer(host, fleet, results):
        return ""
    # The loop has no results if the task itself failed before it asked a server.
    result = _answer(host, fleet, results) or ({} if results else registered)
    asked = result.get("item", {}).get("server") or fleet.servers_of(host)[0]
    message = str(result.get("message") or result.get("msg") or "nobody asked it").strip().rstrip(".")
    return (
        f"{host}: its server {asked} does not answer, so nobody can tell whether it knows this agent: "
        f"{message}. Run the playbook for the servers first."
    )


def unreachable(host: str, fleet: Fleet, registered: Mapping[str, Any]) -> bool:
    """Whether this agent's server can't be reached, by the registered result of the task that asked the servers."""
    return bool(_answer(host, fleet, registered.get("results", [])).get("unreachable"))


def _answer(host: str, fleet: Fleet, results: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    group = fleet.server_group(host)
    return next((result for result in results if result.get("item", {}).get("group") == group), {})
