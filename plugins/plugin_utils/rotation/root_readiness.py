# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a server or an agent has what the step of a rotation gives it; what it lacks, in words."""

from __future__ import annotations

import base64
import binascii
import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.cryptography_import import x509
from ansible_collections.spire.fleet.plugins.plugin_utils.common.times import moment
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.rotation_state import DONE, REMOVE, State, TRUST, USE
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.canary import canary as canary_of
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.chains import leads_to
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.request import extension


class Lacking(Exception):
    """A host has nothing to judge; says what it lacks."""


def spec_of(planned: Plan, jwt: bool = False) -> dict[str, Any]:
    """Where the module has to look."""
    spec: dict[str, Any] = {"component": planned.component, "binary": planned.binary, "socket_path": planned.socket}
    if planned.component == "server":
        return {**spec, "address": str(planned.main.get("bind_address") or ""), "port": planned.port}
    return {**spec, "data_dir": planned.data_dir, "ask": bool(canary_of(planned)), "jwt": jwt}


def server(observed: Mapping[str, Any], ours: bool, state: State) -> list[str]:
    """Of a server; ``ours`` says whether its CA is signed by what the rotation gives it, and not by another server."""
    try:
        bundle = [(certificate(one["certificate"]), bool(one["tainted"])) for one in observed["bundle"]]
        leaf = certificate(observed["shown"])
    except ValueError:
        return ["what it shows is no certificate"]
    missing = list(_bundle("its bundle", [one for one, _tainted in bundle], state))
    authorities = observed["authorities"]
    if state.step == TRUST and ours and authorities.get("active", {}).get("upstream_id") != state.old_key_id:
        missing.append("its CA is not below the intermediate of this step yet")
    if state.step == USE:
        if any(one in state.old_roots and not tainted for one, tainted in bundle):
            missing.append("the old root is not tainted in its bundle yet")
        if any(one in state.new_roots and tainted for one, tainted in bundle):
            missing.append("the new root is tainted in its bundle, and would be revoked with the old one")
        if ours:
            missing += _own(leaf, authorities, state)
    return missing


def _own(leaf: Any, authorities: Mapping[str, Mapping[str, Any]], state: State) -> Iterator[str]:
    """The server's own SVID. SPIRE tells only the server that tainted the root; the others renew theirs at half of its life."""
    new = [one["id"] for one in authorities.values() if one.get("upstream_id") != state.old_key_id]
    found = extension(leaf, x509.AuthorityKeyIdentifier)
    if found is None or not found.key_identifier or found.key_identifier.hex() not in new:
        half = leaf.not_valid_before_utc + (leaf.not_valid_after_utc - leaf.not_valid_before_utc) / 2
        yield f"the SVID that it shows to agents is still below the old root; SPIRE renews it by itself, at {moment(half)}"


def agent(observed: Mapping[str, Any], canary: str, state: State, now: datetime.datetime) -> list[str]:
    """Of an agent, and of a workload that asks it for ``canary``, where there is one."""
    try:
        chain, bundle = kept(observed)
    except Lacking as exc:
        return [str(exc)]
    missing = list(_bundle("its bundle", bundle, state))
    if state.step == USE and not leads_to(chain, state.new_roots, now):
        missing.append("its own SVID is not below the new root yet")
    if canary:
        missing += _workload(observed, canary, state, now)
    return missing


def _workload(observed: Mapping[str, Any], canary: str, state: State, now: datetime.datetime) -> Iterator[str]:
    try:
        chain, bundle = given(observed, canary)
    except Lacking as exc:
        yield str(exc)
        return
    yield from _bundle("a workload's bundle", bundle, state)
    if state.step == USE and not leads_to(chain, state.new_roots, now):
        yield "a workload's SVID is not below the new root yet"


def _bundle(whose: str, found: Sequence[Any], state: State) -> Iterator[str]:
    if not _has(found, state.new_roots):
        yield f"{whose} does not have the new root yet"
    if state.step in (REMOVE, DONE) and any(root in found for root in state.old_roots):
        yield f"{whose} still has the old root"


def _has(found: Sequence[Any], roots: Iterable[Any]) -> bool:
    return all(root in found for root in roots)


def kept(observed: Mapping[str, Any]) -> tuple[list[Any], list[Any]]:
    """An agent's own chain and bundle; Lacking where it has none."""
    try:
        chain, bundle = certificates(observed["chain"]), certificates(observed["bundle"])
    except ValueError:
        raise Lacking("what it keeps is no certificate") from None
    if not chain:
        raise Lacking(f"it has no SVID of its own: {observed['said'] or 'it is not attested'}")
    return chain, bundle


def given(observed: Mapping[str, Any], canary: str) -> tuple[list[Any], list[Any]]:
    """The chain and the bundle that a workload got of an agent; Lacking, with what the agent said, where it got none."""
    svid = next((one for one in observed["svids"] if one["spiffe_id"] == canary), None)
    if svid is None:
        raise Lacking(f"it gives no SVID of {canary}: {observed['said'] or 'there is none for the user that asks'}")
    chain, bundle = (x509.load_pem_x509_certificates(svid[name].encode()) for name in ("certificates", "bundle"))
    return chain, bundle


def certificates(chain: Iterable[str]) -> list[Any]:
    """Of a chain, each as below."""
    return [certificate(text) for text in chain]


def certificate(text: str) -> Any:
    """From base64 of DER, or of PEM as an agent keeps it; ValueError for what is neither."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError) as exc:
        raise ValueError("no base64") from exc
    return x509.load_pem_x509_certificate(data) if data.lstrip().startswith(b"-----") else x509.load_der_x509_certificate(data)
