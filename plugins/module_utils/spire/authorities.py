# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Brings a server's own authorities, or the root above them, into a state. Each state is a step of a rotation that may be repeated."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from ansible_collections.spire.fleet.plugins.module_utils.spire import der
from ansible_collections.spire.fleet.plugins.module_utils.spire.cli import SpireCliError, reading
from ansible_collections.spire.fleet.plugins.module_utils.spire.server_cli import SpireServer

#: the root above the servers' own CAs
UPSTREAM = "upstream"
STATES = ("shown", "prepared", "activated", "tainted", "revoked")
#: SPIRE's messages where the root did not sign the server's previous CA
MOVED_ON = ("didn't sign the old local authority", "signing an old authority can be used")
#: SPIRE's messages where another server has done it already; a server reads the database once a second
DONE_ALREADY = ("root CA is already tainted", "no root CA found with provided subject key ID")
SHOW = "spire-server bundle show"
BELOW_UPSTREAM = "if there is an upstream authority"


@dataclass(frozen=True)
class Request:
    """The state that an authority should have."""

    authority: str
    state: str
    #: the ID of the authority, or the subject key ID of the root
    authority_id: str = ""
    #: the subject key ID of the CA that must sign the prepared or activated CA
    upstream_id: str = ""
    #: an authority is prepared only while the one with this ID is active
    active_id: str = ""


def keep(server: SpireServer, request: Request, check: bool) -> dict[str, Any]:
    """Takes the step unless it was taken already. Returns the module's result."""
    if request.state == "shown" and request.authority == UPSTREAM:
        nothing: dict[str, Any] = {"changed": False, "authority_id": "", "active": {}, "prepared": {}, "old": {}}
        return {**nothing, "taintable": _taintable(server, request.authority_id.lower())}
    before = {} if request.authority == UPSTREAM else server.authorities(request.authority)
    undo = {what: functools.partial(_undo, what=what) for what in ("taint", "revoke")}
    step = {"prepared": _prepare, "activated": _activate, "tainted": undo["taint"], "revoked": undo["revoke"]}.get(request.state)
    changed, authority_id = step(server, request, before, check) if step else (False, "")
    after = before if not changed or check or request.authority == UPSTREAM else server.authorities(request.authority)
    result = {"changed": changed, "authority_id": authority_id, **{name: after.get(name, {}) for name in ("active", "prepared", "old")}}
    if request.state == "shown":
        result["trusted"] = _trusted(server, request.authority)
        if result["old"]:
            result["old"]["in_bundle"] = any(one["id"] == result["old"]["id"] for one in result["trusted"])
    return result


def _prepare(server: SpireServer, request: Request, before: dict[str, Any], check: bool) -> tuple[bool, str]:
    signs = str(before.get("active", {}).get("id", ""))
    if request.active_id and signs != request.active_id:
        # A server keeps the active authority and one more. With the next one it would forget the one that is to be revoked.
        raise SpireCliError(
            f"the server signs with {signs} by now. It has replaced {request.active_id} by itself since it was asked, and would forget it with "
            "the next one, so none was prepared. Run the playbook again: it asks which one is meant"
        )
    for name in ("active", "prepared"):
        found = before.get(name, {})
        if found and (found["upstream_id"] == request.upstream_id if request.upstream_id else name == "prepared"):
            return False, str(found["id"])
    if check:
        return True, ""
    made = server.authority_do(request.authority, "prepare")
    if request.upstream_id and made["upstream_id"] != request.upstream_id:
        raise SpireCliError(
            f"the server has prepared a CA below {made['upstream_id']}, and its files hold the CA {request.upstream_id}: it could not read "
            "them and went on with what it had. Its log says why"
        )
    return True, str(made["id"])


def _activate(server: SpireServer, request: Request, before: dict[str, Any], check: bool) -> tuple[bool, str]:
    active, prepared = before.get("active", {}), before.get("prepared", {})
    if request.upstream_id and active.get("upstream_id") == request.upstream_id:
        return False, str(active["id"])
    wanted = request.authority_id or str(prepared.get("id", ""))
    if wanted and active.get("id") == wanted:
        return False, wanted
    if not wanted or prepared.get("id") != wanted:
        named = f"the authority {wanted}" if wanted else "an authority"
        raise SpireCliError(f"{named} can't be activated: it is not prepared on this server. Prepare one first")
    if not check:
        server.authority_do(request.authority, "activate", wanted)
    return True, wanted


def _undo(server: SpireServer, request: Request, before: dict[str, Any], check: bool, what: str) -> tuple[bool, str]:
    """Taints or revokes the authority unless that was done already."""
    wanted = request.authority_id or str(before.get("old", {}).get("id", ""))
    if request.authority != "jwt":
        # IDs of certificates are in hex.
        wanted = wanted.lower()
    if not wanted:
        raise SpireCliError(f"there is no old {request.authority} authority to {what}: none has been replaced since this server knows of")
    states = _in_bundle(server, request.authority).get(wanted, [])
    if not states or (what == "taint" and all(states)):
        # It is tainted already, or no longer in the bundle.
        return False, wanted
    if not check:
        try:
            if request.authority == UPSTREAM:
                _undo_upstream(server, what, wanted, all(states))
            else:
                server.authority_do(request.authority, what, wanted)
        except SpireCliError as exc:
            if any(words in exc.message for words in DONE_ALREADY):
                return False, wanted
            if BELOW_UPSTREAM not in exc.message:
                raise
            raise SpireCliError(
                f"SPIRE refuses to {what} a server's own X.509 authority where an upstream authority signs it: the bundle holds the root "
                "above alone. A new CA is prepared and activated; to replace the root, run spire.fleet.rotate_upstream", exc.stderr,
            ) from exc
    return True, wanted


def _undo_upstream(server: SpireServer, what: str, wanted: str, tainted: bool) -> None:
    try:
        server.upstream_do(what, wanted)
    except SpireCliError as exc:
        moved_on = any(words in exc.message for words in MOVED_ON)
        if what == "taint" and moved_on:
            raise SpireCliError(
                f"SPIRE taints a root only as long as the server's last CA was signed by it, and this server's was not: {exc.message}", exc.stderr,
            ) from exc
        if not (moved_on and tainted):
            raise
        # With its next CA, a server drops a tainted root that its upstream files no longer hold.
        made = server.authority_do("x509", "prepare")
        server.authority_do("x509", "activate", str(made["id"]))


def _taintable(server: SpireServer, wanted: str) -> bool:
    """Whether the server would taint this root, or the root is tainted or gone already."""
    states = _in_bundle(server, UPSTREAM).get(wanted, [])
    found = server.authorities("x509") if not all(states) else {}
    # A prepared CA replaces the previous one.
    return not found or not found.get("prepared") and found.get("old", {}).get("upstream_id") == wanted


def _in_bundle(server: SpireServer, kind: str) -> dict[str, list[bool]]:
    """Returns for each ID whether its entries in the bundle are tainted."""
    found: dict[str, list[bool]] = {}
    for one in _trusted(server, kind):
        found.setdefault(one["id"], []).append(one["tainted"])
    return found


def _trusted(server: SpireServer, kind: str) -> list[dict[str, Any]]:
    """Returns each entry of the bundle: its ID, whether it is tainted, when it expires."""
    bundle = server.bundle_authorities()
    if kind == "jwt":
        return bundle["jwt"]
    with reading(SHOW, "a bundle"):
        certificates = [(der.from_base64(one["certificate"], f"{SHOW} printed a certificate"), one["tainted"]) for one in bundle["x509"]]
    return [{"id": der.key_id(data), "tainted": tainted, "expires_at": der.ends(data)} for data, tainted in certificates]
