# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the state of a running SPIRE server: its health, its version, its agents, its entries and its bundle."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, List, Optional

from ansible_collections.spire.fleet.plugins.module_utils.host.observe import identity
from ansible_collections.spire.fleet.plugins.module_utils.spire import der
from ansible_collections.spire.fleet.plugins.module_utils.spire.cli import SpireCliError, reading, spiffe_id
from ansible_collections.spire.fleet.plugins.module_utils.spire.entry_fields import shown_digest
from ansible_collections.spire.fleet.plugins.module_utils.spire.server_cli import SpireServer

#: the options of M(spire.fleet.server_info) that say what to read
OPTIONS: Dict[str, Dict[str, Any]] = {
    "agents": {"type": "bool", "default": True},
    "entries": {"type": "bool", "default": False},
    "only_agents": {"type": "list", "elements": "str", "default": []},
    "spiffe_bundle": {"type": "bool", "default": False},
    "authorities": {"type": "bool", "default": False},
    "certificate_files": {"type": "list", "elements": "path", "default": []},
}


def state(server: SpireServer, asked: Dict[str, Any]) -> Dict[str, Any]:
    """Returns what ``asked`` names, as the module M(spire.fleet.server_info) does; raises SpireCliError where the server does not answer."""
    with ThreadPoolExecutor(1) as pool:
        version = pool.submit(server.version)
        health = server.healthcheck()
    result: Dict[str, Any] = {
        "healthy": health.healthy, "message": health.message, "version": version.result(), "agents": [],
        "agent_count": 0, "bundle": "", "fingerprints": [],
    }
    if asked["entries"]:
        result["entries"] = {}
    if asked["spiffe_bundle"]:
        result["spiffe_bundle"] = ""
    if asked["authorities"]:
        result["authorities"] = {}
    if asked["certificate_files"]:
        result["certificates"] = {path: identity.certificates(path) for path in asked["certificate_files"]}
    if not health.healthy:
        return result
    with ThreadPoolExecutor(5) as pool:
        agents = pool.submit(server.agent_list) if asked["agents"] else None
        entries = pool.submit(server.entry_show) if asked["entries"] else None
        document = pool.submit(server.bundle_show, "spiffe") if asked["spiffe_bundle"] else None
        kinds = {kind: pool.submit(_authorities, server, kind) for kind in ("x509", "jwt") if asked["authorities"]}
        result["bundle"] = server.bundle_show("pem")
        if document:
            result["spiffe_bundle"] = document.result()
        if kinds:
            result["authorities"] = {kind: answer.result() for kind, answer in kinds.items()}
        found = agents.result() if agents else []
        shown = entries.result() if entries else None
    if shown is not None:
        result["entries"] = {str(entry.get("id", "")): shown_digest(entry) for entry in shown}
    with reading("spire-server bundle show", "a bundle"):
        result["fingerprints"] = der.fingerprints(result["bundle"])
    result["agent_count"] = len(found)
    _note_entries_of_banned(server, found, shown)
    only = set(asked["only_agents"])
    for agent in sorted(found, key=lambda one: one["id"]):
        # With selectors, the result for ten thousand agents would be several times as long.
        del agent["selectors"]
        if not only or agent["id"] in only:
            result["agents"].append(agent)
    return result


def _note_entries_of_banned(server: SpireServer, agents: List[Dict[str, Any]], shown: Optional[List[Dict[str, Any]]]) -> None:
    """Adds to each banned agent the IDs of the entries whose parent it is. They tell which host it was: a banned agent deletes its SVID."""
    banned = {agent["id"]: agent for agent in agents if agent["banned"]}
    if not banned:
        return
    for entry in server.entry_show() if shown is None else shown:
        agent = banned.get(spiffe_id(entry.get("parent_id")))
        if agent is not None:
            agent.setdefault("entries", []).append(str(entry.get("id", "")))


def _authorities(server: SpireServer, kind: str) -> Dict[str, Dict[str, Any]]:
    """Returns the server's own authorities; empty where the release does not report them."""
    try:
        return server.authorities(kind)
    except SpireCliError:
        return {}
