# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Brings a server's own authorities, or the root above them, into a state. Each is a step of a rotation, and may be repeated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.spire.fleet.plugins.module_utils.spire import der
from ansible_collections.spire.fleet.plugins.module_utils.spire.cli import SpireCliError, reading
from ansible_collections.spire.fleet.plugins.module_utils.spire.server_cli import SpireServer

#: above the servers' own
UPSTREAM = "upstream"
STATES = ("shown", "prepared", "activated", "tainted", "revoked")
#: SPIRE's words where the CA that the root signed is not its last one any more
MOVED_ON = ("didn't sign the old local authority", "signing an old authority can be used")
#: where another server did it a moment ago: a server looks into the database once a second
DONE_ALREADY = ("root CA is already tainted", "no root CA found with provided subject key ID")
SHOW = "spire-server bundle show"
BELOW_UPSTREAM = "if there is an upstream authority"


@dataclass(frozen=True)
class Wish:
    """What should be."""

    authority: str
    state: str
    #: of the authority, or the subject key ID of the root above
    authority_id: str = ""
    #: the CA to be prepared or activated is below this one, by its subject key ID
    upstream_id: str = ""
    #: nothing is prepared unless this one signs
    active_id: str = ""


def keep(server: SpireServer, wish: Wish, check: bool) -> dict[str, Any]:
    """Do what is left to be done; the result of the module."""
    if wish.state == "shown" and wish.authority == UPSTREAM:
        nothing: dict[str, Any] = {"changed": False, "authority_id": "", "active": {}, "prepared": {}, "old": {}}
        return {**nothing, "taintable": _taintable(server, wish.authority_id.lower())}
    before = {} if wish.authority == UPSTREAM else server.authorities(wish.authority)
    step = {"prepared": _prepare, "activated": _activate, "tainted": _taint, "revoked": _revoke}.get(wish.state)
    changed, authority_id = step(server, wish, before, check) if step else (False, "")
    after = before if not changed or check or wish.authority == UPSTREAM else server.authorities(wish.authority)
    result = {"changed": changed, "authority_id": authority_id, **{name: after.get(name, {}) for name in ("active", "prepared", "old")}}
    if wish.state == "shown":
        result["trusted"] = _trusted(server, wish.authority)
        if result["old"]:
            result["old"]["in_bundle"] = any(one["id"] == result["old"]["id"] for one in result["trusted"])
    return result


def _prepare(server: SpireServer, wish: Wish, before: dict[str, Any], check: bool) -> tuple[bool, str]:
    signs = str(before.get("active", {}).get("id", ""))
    if wish.active_id and signs != wish.active_id:
        # a server has two places: with the next one it would forget the one that is to be revoked
        raise SpireCliError(
            f"the server signs with {signs} by now. It has replaced {wish.active_id} by itself since it was asked, and would forget it with "
            "the next one, so none was prepared. Run the playbook again: it asks which is meant"
        )
    for name in ("active", "prepared"):
        found = before.get(name, {})
        if found and (found["upstream_id"] == wish.upstream_id if wish.upstream_id else name == "prepared"):
            return False, str(found["id"])
    if check:
        return True, ""
    made = server.authority_do(wish.authority, "prepare")
    if wish.upstream_id and made["upstream_id"] != wish.upstream_id:
        raise SpireCliError(
            f"the server has prepared a CA below {made['upstream_id']}, and its files hold the CA {wish.upstream_id}: it could not read "
            "them and went on with what it had. Its log says why"
        )
    return True, str(made["id"])


def _activate(server: SpireServer, wish: Wish, before: dict[str, Any], check: bool) -> tuple[bool, str]:
    active, prepared = before.get("active", {}), before.get("prepared", {})
    if wish.upstream_id and active.get("upstream_id") == wish.upstream_id:
        return False, str(active["id"])
    wanted = wish.authority_id or str(prepared.get("id", ""))
    if wanted and active.get("id") == wanted:
        return False, wanted
    if not wanted or prepared.get("id") != wanted:
        named = f"the authority {wanted}" if wanted else "an authority"
        raise SpireCliError(f"{named} can't be activated: it is not prepared on this server. Prepare one first")
    if not check:
        server.authority_do(wish.authority, "activate", wanted)
    return True, wanted


def _taint(server: SpireServer, wish: Wish, before: dict[str, Any], check: bool) -> tuple[bool, str]:
    return _undo(server, wish, before, check, "taint")


def _revoke(server: SpireServer, wish: Wish, before: dict[str, Any], check: bool) -> tuple[bool, str]:
    return _undo(server, wish, before, check, "revoke")


def _undo(server: SpireServer, wish: Wish, before: dict[str, Any], check: bool, what: str) -> tuple[bool, str]:
    """Taint or revoke what is in the bundle and not tainted yet."""
    wanted = wish.authority_id or str(before.get("old", {}).get("id", ""))
    if wish.authority != "jwt":
        # in hex
        wanted = wanted.lower()
    if not wanted:
        raise SpireCliError(f"there is no old {wish.authority} authority to {what}: none has been replaced since this server knows of")
    states = _in_bundle(server, wish.authority).get(wanted, [])
    if not states or (what == "taint" and all(states)):
        # not trusted any more
        return False, wanted
    if not check:
        try:
            if wish.authority == UPSTREAM:
                _undo_upstream(server, what, wanted, all(states))
            else:
                server.authority_do(wish.authority, what, wanted)
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
        # With its next CA a server drops a tainted root that its upstream files have no more.
        made = server.authority_do("x509", "prepare")
        server.authority_do("x509", "activate", str(made["id"]))


def _taintable(server: SpireServer, wanted: str) -> bool:
    """Whether the server would taint this root, or has nothing left of it to taint."""
    states = _in_bundle(server, UPSTREAM).get(wanted, [])
    found = server.authorities("x509") if not all(states) else {}
    # a CA that is prepared takes the place of the last one
    return not found or not found.get("prepared") and found.get("old", {}).get("upstream_id") == wanted


def _in_bundle(server: SpireServer, kind: str) -> dict[str, list[bool]]:
    """By ID, whether each of its entries in the bundle is tainted."""
    found: dict[str, list[bool]] = {}
    for one in _trusted(server, kind):
        found.setdefault(one["id"], []).append(one["tainted"])
    return found


def _trusted(server: SpireServer, kind: str) -> list[dict[str, Any]]:
    """Each entry of the bundle: its ID, whether it is tainted, when it expires."""
    bundle = server.bundle_authorities()
    if kind == "jwt":
        return bundle["jwt"]
    with reading(SHOW, "a bundle"):
        certificates = [(der.from_base64(one["certificate"], f"{SHOW} printed a certificate"), one["tainted"]) for one in bundle["x509"]]
    return [{"id": der.key_id(data), "tainted": tainted, "expires_at": der.ends(data)} for data, tainted in certificates]
