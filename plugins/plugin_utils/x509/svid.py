# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SPIFFE IDs, and what an X.509-SVID says."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import datetime
from collections.abc import Sequence

from ansible_collections.spire.fleet.plugins.plugin_utils.common.cryptography_import import hashes, x509


@dataclasses.dataclass(frozen=True)
class Identity:
    """The public facts of one X.509-SVID."""

    spiffe_id: str
    starts: datetime.datetime
    expires: datetime.datetime

    @property
    def trust_domain(self) -> str:
        """The host part of the SPIFFE ID."""
        return self.spiffe_id.removeprefix("spiffe://").split("/", 1)[0]


def of_certificate(certificate: x509.Certificate) -> Identity | None:
    """Returns None for a certificate that is no SVID: one without exactly one URI name."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    if len(uris) != 1 or not uris[0].startswith("spiffe://"):
        return None
    return Identity(uris[0], certificate.not_valid_before_utc, certificate.not_valid_after_utc)


def of_chain(chain: Sequence[str]) -> Identity | None:
    """The identity of the first certificate of a chain as an agent keeps it; None when there is none to read.

    It is base64 of PEM in agent-data.json, and of DER where an older agent has a file of its own.
    """
    try:
        first = base64.b64decode(chain[0])
        pem = first.lstrip().startswith(b"-----")
        certificate = x509.load_pem_x509_certificate(first) if pem else x509.load_der_x509_certificate(first)
        return of_certificate(certificate)
    except (IndexError, ValueError, TypeError, binascii.Error):
        return None


def fingerprints(pem: str) -> list[str]:
    """SHA-256 of each certificate in lower case hex. Raises ValueError for what is no PEM bundle."""
    return [c.fingerprint(hashes.SHA256()).hex() for c in x509.load_pem_x509_certificates(pem.encode())]


def absolute(spiffe_id: str, trust_domain: str) -> str:
    """A SPIFFE ID from one, or from a path alone."""
    if spiffe_id.startswith("spiffe://"):
        return spiffe_id
    return f"spiffe://{trust_domain}/{spiffe_id.lstrip('/')}" if spiffe_id.strip("/") else f"spiffe://{trust_domain}"
