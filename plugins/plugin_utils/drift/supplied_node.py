# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks the certificate that a person has given an agent for x509pop: by itself, and against the CAs of the agent's server."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.cryptography_import import UnsupportedAlgorithm, x509
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import chains, keys as x509_keys, node_check, request as x509_request
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error

OPTIONS = "plugins.NodeAttestor.x509pop.plugin_data"
#: SPIRE's default of the server's option
SPIFFE_PREFIX = "/spire-exchange/"


def ignored(plan: Plan, option: str) -> bool:
    """Whether the agent ignores the option, because it gets the certificate and the key from a Workload API."""
    if plan.component != "agent" or not option.startswith(OPTIONS + "."):
        return False
    return bool(plan.plugin_data("NodeAttestor", "x509pop").get("spiffe_endpoint_socket"))


def mistakes(
    plan: Plan, observed: Mapping[str, Sequence[str]], server: Mapping[str, Any] | None, now: datetime.datetime
) -> tuple[list[str], list[str]]:
    """Returns what servers refuse now, and what they will refuse soon. ``observed`` has the certificates in each file."""
    where = f"{OPTIONS}.certificate_path"
    if plan.component != "agent" or plan.node or ignored(plan, where):
        return [], []
    data = plan.plugin_data("NodeAttestor", "x509pop")
    file, more = str(data.get("certificate_path") or ""), str(data.get("intermediates_path") or "")
    if not observed.get(file):
        return [], []
    try:
        chain = x509_keys.load_certificates("\n".join(observed[file]).encode(), file)
        if observed.get(more):
            chain += x509_keys.load_certificates("\n".join(observed[more]).encode(), more)
    except X509Error as exc:
        return [f"{where}: {exc}"], []
    try:
        return _of_chain(plan, where, file, chain, server, now)
    except (ValueError, UnsupportedAlgorithm):
        return [f"{where}: A certificate in {file}{f' or {more}' if more else ''} has an extension or a key that can't be read."], []


def _of_chain(
    plan: Plan, where: str, file: str, chain: list[Any], server: Mapping[str, Any] | None, now: datetime.datetime
) -> tuple[list[str], list[str]]:
    """Returns what servers refuse of a chain now and soon. Raises ValueError or UnsupportedAlgorithm for a part that can't be read."""
    # The check of the key reports a wrong order. The node's certificate is checked wherever it is.
    chain.sort(key=chains.is_ca)
    found = list(node_check.check(chain[0], file, now))
    if not found and server is not None and plan.server is not None:
        found = list(_against_servers(plan.server, server, chain, now))
    soon = node_check.ends_soon(chain[0], file, now)
    return [f"{where}: {message}" for message in found], [f"{where}: {soon}"] if soon else []


def _against_servers(server: Plan, answer: Mapping[str, Any], chain: list[Any], now: datetime.datetime) -> Iterator[str]:
    """Yields why the server would not trust the certificate; nothing where the server's CAs are not known."""
    options = server.plugin_data("NodeAttestor", "x509pop")
    spiffe = options.get("mode") == "spiffe"
    text = str(answer.get("bundle") or "") if spiffe else "\n".join(one for texts in answer.get("certificates", {}).values() for one in texts)
    try:
        roots = x509_keys.load_certificates(text.encode(), "the server's CA bundle")
    except X509Error:
        # The server's own files are reported with the server.
        return
    gap = node_check.chain_gap(chain, roots, now)
    if gap:
        bundle = "the trust bundle of its servers" if spiffe else f"the servers' {_named(answer)}"
        yield (
            f"The certificate leads to no CA in {bundle}: {gap}. Put missing intermediates after the certificate or into intermediates_path"
            f"{'' if spiffe else ', or its root into the CA bundle of the servers'}."
        )
    prefix = str(options.get("spiffe_prefix", SPIFFE_PREFIX)).rstrip("/") + "/"
    if spiffe and not _spiffe_path(chain[0]).startswith(prefix):
        yield f"{node_check.subject(chain[0])} has no SPIFFE ID whose path begins with {prefix}, the spiffe_prefix of its servers."


def _named(answer: Mapping[str, Any]) -> str:
    return ", ".join(sorted(answer.get("certificates", {})))


def _spiffe_path(certificate: Any) -> str:
    """Returns the path of the first SPIFFE ID in a certificate; empty where it has none."""
    names = x509_request.extension(certificate, x509.SubjectAlternativeName)
    uris = names.get_values_for_type(x509.UniformResourceIdentifier) if names else []
    first = next((uri for uri in uris if uri.startswith("spiffe://")), "")
    return "/" + first.removeprefix("spiffe://").partition("/")[2]
