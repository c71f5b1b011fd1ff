# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Collects everything that expires in a fleet from what was observed on the controller, on its hosts, and in SPIRE."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.cryptography_import import UnsupportedAlgorithm, serialization, x509
from ansible_collections.spire.fleet.plugins.plugin_utils.common.times import from_epoch
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import node as pki_node, upstream as pki_upstream
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.report.expiry import CONTROLLER, Expiry, NO_TIME, SITE, SPIRE, YOU
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import files as schema_files
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import keys as x509_keys, svid as x509_svid
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.request import extension

#: While rotation works, an active authority has at least this share of ca_ttl left, or this duration if that is shorter. SPIRE
#: activates the next authority when a sixth of ca_ttl, or a week, is left.
LATEST_TAKEOVER = (1 / 12, datetime.timedelta(days=3.5))
#: the kinds that spire.fleet.site renews
RENEWED_BY_SITE = ("upstream_ca", "node_certificate")
#: the value in an SSH certificate that never expires
_FOREVER = 2**64 - 1


def in_files(planned: Plan, observed: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Returns the certificates in the files that a host's tree names, from what was read on the host; for a task's result."""
    options = schema_files.certificate_files(planned.component, planned.tree)
    found = []
    for path, texts in observed.items():
        for text in texts:
            facts = _facts(text)
            if facts:
                found.append({"option": options.get(path, ""), "path": path, **facts})
    return found


def _facts(text: str) -> dict[str, Any]:
    """Returns the facts of one X.509 or SSH certificate; empty for one that can't be read or never expires."""
    try:
        if not text.startswith("-----"):
            ssh = serialization.load_ssh_public_identity(text.encode())
            if ssh.valid_before == _FOREVER:
                return {}
            starts, ends = (from_epoch(when).isoformat() for when in (ssh.valid_after, ssh.valid_before))
            return {"name": ssh.key_id.decode("utf-8", "replace"), "starts": starts, "expires": ends, "root": False}
        one = x509.load_pem_x509_certificate(text.encode())
    except (ValueError, AttributeError, OverflowError, UnsupportedAlgorithm):
        return {}
    return {
        "name": one.subject.rfc4514_string(),
        "starts": one.not_valid_before_utc.isoformat(),
        "expires": one.not_valid_after_utc.isoformat(),
        "root": one.subject == one.issuer,
    }


def of_host(planned: Plan, drift_result: Mapping[str, Any]) -> Iterator[Expiry]:
    """Yields what expires in the files that a host's tree names, and an agent's own SVID."""
    files: dict[str, list[Mapping[str, Any]]] = {}
    for one in drift_result.get("certificates", []):
        files.setdefault(one["path"], []).append(one)
    for path, certificates in files.items():
        newest = max((one["expires"] for one in certificates if one["root"]), default="")
        for index, one in enumerate(certificates):
            kind = _kind_in_file(planned, path, index)
            # A newer root in the same file replaces an older one, which may then expire.
            superseded = bool(one["root"]) and one["expires"] < newest
            renewal = _renewal(planned) if kind in RENEWED_BY_SITE else {"renewed_by": YOU}
            yield Expiry(
                kind, _time(one["expires"]), host=planned.host, component=planned.component, place=path, option=one["option"],
                name=one["name"], starts=_time(one["starts"]), superseded=superseded, **renewal,
            )
    if drift_result.get("expires"):
        yield Expiry(
            "agent_svid", _time(drift_result["expires"]), SPIRE, planned.host, "agent", name=drift_result["spiffe_id"],
            starts=_time(drift_result["starts"]),
        )


def _kind_in_file(planned: Plan, path: str, index: int) -> str:
    """Returns the kind of the certificate at this position of a file."""
    if planned.node and path == planned.host_certificate_files[f"{planned.node.name}_certificate"].path:
        return "file" if index else "node_certificate"
    if any(path == pki_node.server_file(one.name, planned.paths).path for one in planned.authorities):
        return "node_ca"
    own = {file.path: name for name, file in planned.host_certificate_files.items()} if planned.upstream else {}
    if own.get(path) == "upstream_certificate":
        return "issuer" if index else "upstream_ca"
    return "root" if own.get(path) == "upstream_bundle" else "file"


def _renewal(planned: Plan) -> dict[str, Any]:
    """Returns who renews the certificate and when. A server's upstream CA must outlast its own CA, which expires with it."""
    if planned.node:
        return {"renewed_by": SITE, "renewal_window": planned.node.duration(f"{planned.node.prefix}_renew_before")}
    renewal_window = planned.upstream.duration("spire_pki_renew_before") if planned.upstream else NO_TIME
    return {"renewed_by": SITE, "renewal_window": renewal_window, "least_left": pki_upstream.ca_ttl(planned.main)}


def of_controller(planned: Plan) -> Iterator[Expiry]:
    """Yields what expires on the controller for a server: the issuer, its root, and the server's own certificate."""
    upstream = planned.upstream
    if upstream is None or upstream.issuer is None:
        return
    for one in upstream.issuer.bundle:
        yield _file("root", one, upstream.bundle_file)
    for one in upstream.issuer.chain_without_root:
        yield _file("issuer", one, upstream.issuer_key_files.certificate)
    for one in upstream.key_files.certificates()[:1]:
        yield _file("upstream_ca", one, upstream.key_files.certificate, **_renewal(planned))


def _file(kind: str, one: Any, path: str, renewed_by: str = YOU, **more: Any) -> Expiry:
    name, starts = one.subject.rfc4514_string(), one.not_valid_before_utc
    return Expiry(kind, one.not_valid_after_utc, renewed_by, CONTROLLER, place=path, name=name, starts=starts, **more)


def of_server(planned: Plan, state: Mapping[str, Any]) -> Iterator[Expiry]:
    """Yields a server's own authorities."""
    upstream = planned.upstream_authority[1]
    for kind, authorities in (state.get("authorities") or {}).items():
        for status, one in authorities.items():
            if not one["expires_at"]:
                continue
            # An upstream authority may issue CAs with a shorter lifetime than ca_ttl, so it is not known when they are renewed.
            known = not (upstream and kind == "x509") and status == "active"
            part, most = LATEST_TAKEOVER
            yield Expiry(
                f"{kind}_authority", from_epoch(one["expires_at"]), SPIRE, planned.host, "server", status, name=one["id"],
                least_left=min(part * pki_upstream.ca_ttl(planned.main), most) if known else NO_TIME, superseded=status == "old",
            )


def of_bundle(planned: Plan, bundle: str) -> Iterator[Expiry]:
    """Yields the CAs in a server's bundle. SPIRE removes each one a day after it has expired."""
    renewed_by = YOU if planned.upstream_authority[1] else SPIRE
    for one in x509_keys.load_certificates(bundle.encode(), "the bundle") if bundle.strip() else ():
        key = extension(one, x509.SubjectKeyIdentifier)
        name = one.subject.rfc4514_string() if renewed_by == YOU or key is None else key.digest.hex()
        starts, ends = one.not_valid_before_utc, one.not_valid_after_utc
        yield Expiry("trust_bundle", ends, renewed_by, planned.trust_domain, name=name, starts=starts, superseded=True)


def of_canary(planned: Plan, spiffe_id: str, svids: Iterable[Mapping[str, Any]]) -> Iterator[Expiry]:
    """Yields the canary's SVID. Its problems are reported with the agent that returned it."""
    certificates_text = next((svid["certificates"] for svid in svids if svid["spiffe_id"] == spiffe_id), "")
    try:
        found = x509_svid.of_certificate(x509_keys.load_certificates(certificates_text.encode(), "the SVID")[0])
    except X509Error:
        # The agent returned no SVID of the canary, or its check reports that the SVID can't be read.
        return
    if found:
        yield Expiry(
            "workload_svid", found.expires, SPIRE, planned.host, "agent", name=spiffe_id, starts=found.starts, reported_elsewhere=True
        )


def _time(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)
