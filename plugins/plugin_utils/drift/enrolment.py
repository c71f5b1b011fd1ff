# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares the identity of an agent with the planned one and with the answer of its server."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.drift.comparison import Comparison
from ansible_collections.spire.fleet.plugins.plugin_utils.drift.files import attributes
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import svid


def compare(
    plan: Plan, observed: Mapping[str, Any], server: Mapping[str, Any] | None, now: datetime.datetime, found: Comparison
) -> None:
    """Compares an agent's identity in its files with the plan and with its server's answer; ``server`` is None where no server was asked."""
    own = svid.of_chain(observed["identity"].get("chain") or [])
    banned = _banned(plan, own, server) if server is not None else ""
    if banned:
        found.errors.append(
            f"the server has banned {banned}, so this agent is not enrolled again by itself. If it may come "
            "back, run spire.fleet.decommission on it first."
        )
        return
    reason = _why(plan, own, observed, server, now)
    if reason:
        enrol(plan, observed, reason, found)
        return
    if _takes_bundle(plan):
        _bundle(plan, observed, False, found)


def _banned(plan: Plan, own: svid.Identity | None, server: Mapping[str, Any]) -> str:
    """Returns the SPIFFE ID under which the server has banned this agent; empty where it has not."""
    known = [*([own.spiffe_id] if own else []), *server.get("banned_as", ()), plan.claimed_id]
    return next((spiffe_id for spiffe_id in known if server["agents"].get(spiffe_id, {}).get("banned")), "")


def _why(
    plan: Plan, own: svid.Identity | None, observed: Mapping[str, Any], server: Mapping[str, Any] | None, now: datetime.datetime
) -> str:
    """Returns why the agent has to be enrolled; empty where its identity is good."""
    if own is None:
        return "has no identity yet"
    if own.expires <= now:
        return f"has an identity that expired at {own.expires:%Y-%m-%d %H:%M:%S} UTC"
    if own.trust_domain != plan.trust_domain:
        return f"has an identity of another trust domain, {own.trust_domain}"
    if not observed["identity"]["key"]:
        return "has lost the key of its identity"
    if server is not None and own.spiffe_id not in server["agents"]:
        return "is not known to its server any more"
    return ""


def enrol(plan: Plan, observed: Mapping[str, Any], reason: str, found: Comparison) -> None:
    """Notes that the agent has to be enrolled, and whether it needs a token, an eviction or a new trust bundle for that."""
    found.enrol = True
    found.token = plan.attests_by_token
    # With a token the agent gets a new SPIFFE ID, which the server does not know yet, so nothing has to be evicted.
    found.evict = plan.attests_once and not found.token and not plan.external
    found.note("enrolment", f"the agent {reason}\n", "attested\n")
    if _takes_bundle(plan):
        _bundle(plan, observed, True, found)


def _takes_bundle(plan: Plan) -> bool:
    """Whether the agent bootstraps with the trust bundle that the collection writes."""
    return "trust_bundle_path" in plan.main and str(plan.main["trust_bundle_path"]) == plan.paths.bundle


def _bundle(plan: Plan, observed: Mapping[str, Any], anew: bool, found: Comparison) -> None:
    """Compares the trust bundle. Its content matters at the first bootstrap only; the server's bundle changes with every rotation."""
    file, state = plan.bundle_file, observed["files"].get("bundle", {"exists": False})
    wrong = attributes(state, file.mode, file.owner, file.group)
    if anew or not state["exists"]:
        before = "the bundle of the last enrolment\n" if state["exists"] else "absent\n"
        wrong = before, "the trust bundle of the server\n"
    if wrong and file.name not in found.files:
        found.files.append(file.name)
        found.note(f"file {file.path}", *wrong)
