# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks whether a server or an agent has the certificates of the current step of a root's rotation."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.cryptography_import import x509
from ansible_collections.spire.fleet.plugins.plugin_utils.common.times import moment
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.rotation_state import DONE, REMOVE, State, TRUST, USE, authority_key_id
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.chains import leads_to
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.svid import load_base64

#: yields what is wrong with a bundle or a chain, whose name in messages comes first
Problems = Callable[[str, Sequence[Any]], Iterable[str]]


class NotReady(Exception):
    """A host has no certificates that could be checked. The message names what it lacks."""


def module_spec(planned: Plan, jwt: bool = False) -> dict[str, Any]:
    """Returns the module's argument: where a component's certificates are on the host."""
    spec: dict[str, Any] = {"component": planned.component, "binary": planned.binary, "socket_path": planned.socket}
    if planned.component == "server":
        return {**spec, "address": str(planned.main.get("bind_address") or ""), "port": planned.port}
    return {**spec, "data_dir": planned.data_dir, "ask": bool(planned.canary), "jwt": jwt}


def server(observed: Mapping[str, Any], signed_by_us: bool, state: State) -> list[str]:
    """Returns what a server lacks. ``signed_by_us`` is False for a server whose CA another server signs."""
    try:
        bundle = [(load_base64(one["certificate"]), bool(one["tainted"])) for one in observed["bundle"]]
        leaf = load_base64(observed["shown"])
    except ValueError:
        return ["its certificates can't be read"]
    missing = list(_bundle_problems("its bundle", [one for one, _tainted in bundle], state))
    authorities = observed["authorities"]
    if state.step == TRUST and signed_by_us and authorities.get("active", {}).get("upstream_id") != state.old_key_id:
        missing.append("its CA is not signed by the intermediate of this step yet")
    if state.step == USE:
        if any(one in state.old_roots and not tainted for one, tainted in bundle):
            missing.append("the old root is not tainted in its bundle yet")
        if any(one in state.new_roots and tainted for one, tainted in bundle):
            missing.append("the new root is tainted in its bundle and would be revoked together with the old one")
        if signed_by_us:
            missing += _server_svid_problems(leaf, authorities, state)
    return missing


def _server_svid_problems(leaf: Any, authorities: Mapping[str, Mapping[str, Any]], state: State) -> Iterator[str]:
    """Yields a message if the server's own SVID is still under the old root.

    SPIRE notifies only the server that tainted the root; the others renew their SVIDs at half of their lifetime.
    """
    new = [one["id"] for one in authorities.values() if one.get("upstream_id") != state.old_key_id]
    if authority_key_id(leaf) not in new:
        half = leaf.not_valid_before_utc + (leaf.not_valid_after_utc - leaf.not_valid_before_utc) / 2
        yield f"the SVID that it shows to agents is still under the old root; SPIRE renews it at {moment(half)}"


def agent(observed: Mapping[str, Any], canary: str, state: State, now: datetime.datetime) -> list[str]:
    """Returns what an agent lacks, and what a workload lacks that asks it for the SPIFFE ID ``canary``, if that is not empty."""

    def svid_problems(what: str, chain: Sequence[Any]) -> Iterator[str]:
        if state.step == USE and not leads_to(chain, state.new_roots, now):
            yield f"{what} is not under the new root yet"

    return list(agent_problems(observed, canary, lambda whose, bundle: _bundle_problems(whose, bundle, state), svid_problems))


def _bundle_problems(whose: str, found: Sequence[Any], state: State) -> Iterator[str]:
    if not all(root in found for root in state.new_roots):
        yield f"{whose} does not have the new root yet"
    if state.step in (REMOVE, DONE) and any(root in found for root in state.old_roots):
        yield f"{whose} still has the old root"


def agent_problems(observed: Mapping[str, Any], canary: str, bundle_problems: Problems, svid_problems: Problems) -> Iterator[str]:
    """Yields what an agent lacks, and what a workload lacks that asks it for the SPIFFE ID ``canary``, if that is not empty."""
    try:
        chain, bundle = _agent_svid(observed)
        yield from bundle_problems("its bundle", bundle)
        yield from svid_problems("its own SVID", chain)
        if canary:
            chain, bundle = _workload_svid(observed, canary)
            yield from bundle_problems("a workload's bundle", bundle)
            yield from svid_problems("a workload's SVID", chain)
    except NotReady as exc:
        yield str(exc)


def _agent_svid(observed: Mapping[str, Any]) -> tuple[list[Any], list[Any]]:
    """Returns an agent's own chain and bundle. Raises NotReady where it has none."""
    try:
        chain, bundle = ([load_base64(text) for text in observed[name]] for name in ("chain", "bundle"))
    except ValueError:
        raise NotReady("its certificates can't be read") from None
    if not chain:
        raise NotReady(f"it has no SVID of its own: {observed['error'] or 'it is not attested'}")
    return chain, bundle


def _workload_svid(observed: Mapping[str, Any], canary: str) -> tuple[list[Any], list[Any]]:
    """Returns the chain and the bundle that a workload got from an agent. Raises NotReady with the agent's answer where it got none."""
    svid = next((one for one in observed["svids"] if one["spiffe_id"] == canary), None)
    if svid is None:
        raise NotReady(f"it returns no SVID of {canary}: {observed['error'] or 'no entry matches the user of this check'}")
    chain, bundle = (x509.load_pem_x509_certificates(svid[name].encode()) for name in ("certificates", "bundle"))
    return chain, bundle
