# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks whether servers and agents trust the new authorities and no longer use or trust the old ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.pki.rotation_state import authority_key_id, key_id
from ansible_collections.spire.fleet.plugins.plugin_utils.rotation.root_readiness import agent_problems
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.svid import load_base64


@dataclasses.dataclass(frozen=True)
class Expected:
    """The state that must be reached, in terms of the IDs of authorities."""

    kind: str
    #: the authorities that must be in every bundle
    trusted: frozenset[str] = frozenset()
    #: the authorities that must not have signed any SVID or CA in use
    retired: frozenset[str] = frozenset()
    #: the authorities that must not be in any bundle
    gone: frozenset[str] = frozenset()

    def bundle_problems(self, whose: str, found: Iterable[str]) -> Iterator[str]:
        """Yields what is wrong with a bundle."""
        there = set(found)
        missing, left = self.trusted - there, self.gone & there
        if missing:
            yield f"{whose} does not have {_join(missing)} yet"
        if left:
            yield f"{whose} still has {_join(left)}"

    def signer_problems(self, what: str, *by: str) -> Iterator[str]:
        """Yields what is wrong with the signers of an SVID or a CA, the nearest first."""
        yield from (f"{what} is still signed by {one}" for one in by if one in self.retired)


def server(observed: Mapping[str, Any], expected: Expected) -> list[str]:
    """Returns what a server lacks: in its bundle, its SVID for agents, and the signers of its CAs, if it is nested."""
    if expected.kind == "jwt":
        return list(expected.bundle_problems("its bundle", (one["id"] for one in observed["jwt"])))
    try:
        bundle, leaf = [load_base64(one["certificate"]) for one in observed["bundle"]], load_base64(observed["shown"])
    except ValueError:
        return ["its certificates can't be read"]
    missing = list(expected.bundle_problems("its bundle", map(key_id, bundle)))
    missing += expected.signer_problems("the SVID that it shows to agents", authority_key_id(leaf))
    for name, what in (("active", "its CA"), ("prepared", "its next CA")):
        missing += expected.signer_problems(what, observed["authorities"].get(name, {}).get("upstream_id", ""))
    return missing


def agent(observed: Mapping[str, Any], canary: str, expected: Expected) -> list[str]:
    """Returns what an agent lacks, and what a workload lacks that asks it for the SPIFFE ID ``canary``, if that is not empty."""
    if expected.kind == "jwt":
        return list(_tokens(observed, canary, expected))
    return list(agent_problems(
        observed, canary, lambda whose, bundle: expected.bundle_problems(whose, map(key_id, bundle)),
        lambda what, chain: expected.signer_problems(what, *map(authority_key_id, chain)),
    ))


def _tokens(observed: Mapping[str, Any], canary: str, expected: Expected) -> Iterator[str]:
    if not canary:
        # Without a canary there is no workload, and an agent returns its JWT keys only to workloads.
        return
    if "jwt" not in observed:
        yield f"it returns no JWT-SVID of {canary}: {observed['error'] or 'no entry matches the user of this check'}"
        return
    yield from expected.bundle_problems("a workload's bundle", observed["jwt"]["bundle"])
    for signer in observed["jwt"]["signing"]:
        yield from expected.signer_problems("a workload's JWT-SVID", signer)


def _join(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
