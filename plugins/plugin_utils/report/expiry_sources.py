# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that expires in a fleet, from what was seen of it: on the controller, on its hosts, and in SPIRE."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.cryptography_import import UnsupportedAlgorithm, serialization, x509
from ansible_collections.spire.fleet.plugins.plugin_utils.common.times import from_epoch
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import node as pki_node, upstream as pki_upstream
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.report.expiry import CONTROLLER, Expiry, NONE, SITE, SPIRE, YOU
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import files as schema_files
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import keys as x509_keys, svid as x509_svid
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.request import extension

#: of its life, or of this, an authority has less left only when the next one did not take over: SPIRE does that with a sixth left, or a week
TAKEN_OVER = (1 / 12, datetime.timedelta(days=3.5))
#: what the run renews
RENEWED = ("upstream_ca", "node_certificate")
#: an SSH certificate that never expires
_FOREVER = 2**64 - 1


def in_files(planned: Plan, observed: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """The certificates in the files that a host's tree names, by what the look read there; for its result."""
    options = schema_files.certificate_files(planned.component, planned.tree)
    found = []
    for path, texts in observed.items():
        for text in texts:
            facts = _facts(text)
            if facts:
                found.append({"option": options.get(path, ""), "path": path, **facts})
    return found


def _facts(text: str) -> dict[str, Any]:
    """Of one certificate of X.509 or SSH; nothing for one that can't be read or never expires."""
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
        "name": one.subject.rfc4514_string(), "starts": one.not_valid_before_utc.isoformat(), "expires": one.not_valid_after_utc.isoformat(),
        "root": one.subject == one.issuer,
    }


def of_look(planned: Plan, look: Mapping[str, Any]) -> Iterator[Expiry]:
    """The files that the host's tree names, and an agent's own SVID."""
    files: dict[str, list[Mapping[str, Any]]] = {}
    for one in look.get("certificates", []):
        files.setdefault(one["path"], []).append(one)
    for path, certificates in files.items():
        newest = max((one["expires"] for one in certificates if one["root"]), default="")
        for index, one in enumerate(certificates):
            kind = _kind(planned, path, index)
            # of several roots the newest counts
            outlived = bool(one["root"]) and one["expires"] < newest
            yield Expiry(
                kind, _time(one["expires"]), host=planned.host, component=planned.component, place=path, option=one["option"], name=one["name"],
                starts=_time(one["starts"]), outlived=outlived, **(_renewal(planned) if kind in RENEWED else {"renewed_by": YOU}),
            )
    if look.get("expires"):
        yield Expiry(
            "agent_svid", _time(look["expires"]), SPIRE, planned.host, "agent", name=look["spiffe_id"], starts=_time(look["starts"])
        )


def _kind(planned: Plan, path: str, index: int) -> str:
    """What the certificate at this place of a file is."""
    if planned.node and path == planned.host_certificate_files[f"{planned.node.name}_certificate"].path:
        return "file" if index else "node_certificate"
    if any(path == pki_node.server_file(one.name, planned.paths).path for one in planned.authorities):
        return "node_ca"
    own = {file.path: name for name, file in planned.host_certificate_files.items()} if planned.upstream else {}
    if own.get(path) == "upstream_certificate":
        return "issuer" if index else "upstream_ca"
    return "root" if own.get(path) == "upstream_bundle" else "file"


def _renewal(planned: Plan) -> dict[str, Any]:
    """The run renews a node's certificate, and a server's upstream CA in time for the server's own CA, which ends with it."""
    if planned.node:
        return {"renewed_by": SITE, "window": planned.node.length(f"{planned.node.prefix}_renew_before")}
    window = planned.upstream.length("spire_pki_renew_before") if planned.upstream else NONE
    return {"renewed_by": SITE, "window": window, "needed": pki_upstream.ca_ttl(planned.main)}


def of_controller(planned: Plan) -> Iterator[Expiry]:
    """What lies on the controller for a server: the CA that signs, its root, and the server's own."""
    upstream = planned.upstream
    if upstream is None or upstream.issuer is None:
        return
    for one in upstream.issuer.bundle:
        yield _file("root", one, upstream.bundle_file)
    for one in upstream.issuer.above:
        yield _file("issuer", one, upstream.issuer_key_files.certificate)
    for one in upstream.key_files.certificates()[:1]:
        yield _file("upstream_ca", one, upstream.key_files.certificate, **_renewal(planned))


def _file(kind: str, one: Any, path: str, renewed_by: str = YOU, **more: Any) -> Expiry:
    name, starts = one.subject.rfc4514_string(), one.not_valid_before_utc
    return Expiry(kind, one.not_valid_after_utc, renewed_by, CONTROLLER, place=path, name=name, starts=starts, **more)


def of_server(planned: Plan, state: Mapping[str, Any]) -> Iterator[Expiry]:
    """A server's own authorities."""
    upstream = planned.upstream_authority[1]
    for kind, authorities in (state.get("authorities") or {}).items():
        for status, one in authorities.items():
            if not one["expires_at"]:
                continue
            # below an upstream authority a CA may live shorter than ca_ttl
            known = not (upstream and kind == "x509") and status == "active"
            part, most = TAKEN_OVER
            yield Expiry(
                f"{kind}_authority", from_epoch(one["expires_at"]), SPIRE, planned.host, "server", status, name=one["id"],
                needed=min(part * pki_upstream.ca_ttl(planned.main), most) if known else NONE, outlived=status == "old",
            )


def of_bundle(planned: Plan, bundle: str) -> Iterator[Expiry]:
    """The CAs that a server gives out. SPIRE keeps one for a day after its end, and takes it out by itself."""
    renewed_by = YOU if planned.upstream_authority[1] else SPIRE
    for one in x509_keys.load_certificates(bundle.encode(), "the bundle") if bundle.strip() else ():
        key = extension(one, x509.SubjectKeyIdentifier)
        name = one.subject.rfc4514_string() if renewed_by == YOU or key is None else key.digest.hex()
        starts, ends = one.not_valid_before_utc, one.not_valid_after_utc
        yield Expiry("trust_bundle", ends, renewed_by, planned.trust_domain, name=name, starts=starts, outlived=True)


def of_canary(planned: Plan, spiffe_id: str, svids: Iterable[Mapping[str, Any]]) -> Iterator[Expiry]:
    """The canary's SVID, which is judged with the agent that gave it."""
    given = next((svid["certificates"] for svid in svids if svid["spiffe_id"] == spiffe_id), "")
    try:
        found = x509_svid.of_certificate(x509_keys.load_certificates(given.encode(), "the SVID")[0])
    except X509Error:
        # there is none, or the judgement of it says that it can't be read
        return
    if found:
        yield Expiry("workload_svid", found.expires, SPIRE, planned.host, "agent", name=spiffe_id, starts=found.starts, judged=True)


def _time(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)
