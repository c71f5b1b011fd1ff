# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether servers and agents know the servers' authorities that are to be used, and hold nothing of those that go; in words."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.cryptography_import import x509
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.rotation_state import key_id
from ansible_collections.spire.fleet.plugins.plugin_utils.rotation.root_readiness import Lacking, certificate, given, kept
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.request import extension


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What must hold, by the authorities' IDs."""

    kind: str
    #: all of them are in every bundle
    trusted: frozenset[str] = frozenset()
    #: none of them signed what is in use
    retired: frozenset[str] = frozenset()
    #: none of them is in a bundle
    gone: frozenset[str] = frozenset()

    def bundle(self, whose: str, found: Iterable[str]) -> Iterator[str]:
        """What is wrong with a bundle."""
        there = set(found)
        missing, left = self.trusted - there, self.gone & there
        if missing:
            yield f"{whose} does not have {_many(missing)} yet"
        if left:
            yield f"{whose} still has {_many(left)}"

    def signed(self, what: str, *by: str) -> Iterator[str]:
        """What is wrong with those who signed, the nearest first."""
        yield from (f"{what} is still signed by {one}" for one in by if one in self.retired)


def server(observed: Mapping[str, Any], wanted: Wanted) -> list[str]:
    """Of a server: its bundle, the SVID that it shows to agents, and who signed its CAs, where it is nested."""
    if wanted.kind == "jwt":
        return list(wanted.bundle("its bundle", (one["id"] for one in observed["jwt"])))
    try:
        bundle, leaf = [certificate(one["certificate"]) for one in observed["bundle"]], certificate(observed["shown"])
    except ValueError:
        return ["what it shows is no certificate"]
    missing = [*wanted.bundle("its bundle", map(key_id, bundle)), *wanted.signed("the SVID that it shows to agents", issuer_id(leaf))]
    for name, what in (("active", "its CA"), ("prepared", "its next CA")):
        missing += wanted.signed(what, observed["authorities"].get(name, {}).get("upstream_id", ""))
    return missing


def agent(observed: Mapping[str, Any], canary: str, wanted: Wanted) -> list[str]:
    """Of an agent, and of a workload that asks it for ``canary``, where there is one."""
    if wanted.kind == "jwt":
        return list(_tokens(observed, canary, wanted))
    try:
        chain, bundle = kept(observed)
    except Lacking as exc:
        return [str(exc)]
    missing = [*wanted.bundle("its bundle", map(key_id, bundle)), *wanted.signed("its own SVID", *map(issuer_id, chain))]
    if canary:
        try:
            chain, bundle = given(observed, canary)
        except Lacking as exc:
            return [*missing, str(exc)]
        missing += wanted.bundle("a workload's bundle", map(key_id, bundle))
        missing += wanted.signed("a workload's SVID", *map(issuer_id, chain))
    return missing


def _tokens(observed: Mapping[str, Any], canary: str, wanted: Wanted) -> Iterator[str]:
    if not canary:
        # what an agent knows of JWT keys, it tells workloads alone
        return
    if "jwt" not in observed:
        yield f"it gives no JWT-SVID of {canary}: {observed['said'] or 'there is none for the user that asks'}"
        return
    yield from wanted.bundle("a workload's bundle", observed["jwt"]["bundle"])
    for signer in observed["jwt"]["signing"]:
        yield from wanted.signed("a workload's JWT-SVID", signer)


def issuer_id(leaf: Any) -> str:
    """The ID of the X.509 authority that signed a certificate."""
    found = extension(leaf, x509.AuthorityKeyIdentifier)
    return str(found.key_identifier.hex()) if found and found.key_identifier else ""


def _many(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
