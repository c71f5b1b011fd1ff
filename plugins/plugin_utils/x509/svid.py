# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SPIFFE IDs, and facts of X.509-SVIDs."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import datetime
from collections.abc import Sequence

from ansible_collections.spire.fleet.plugins.plugin_utils.common.cryptography_import import hashes, x509
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.request import extension


@dataclasses.dataclass(frozen=True)
class Identity:
    """The public facts of an X.509-SVID."""

    spiffe_id: str
    starts: datetime.datetime
    expires: datetime.datetime

    @property
    def trust_domain(self) -> str:
        """The trust domain of the SPIFFE ID."""
        return self.spiffe_id.removeprefix("spiffe://").split("/", 1)[0]


def of_certificate(certificate: x509.Certificate) -> Identity | None:
    """Returns the identity in a certificate; None where it is not an SVID, which has exactly one URI, a SPIFFE ID."""
    names = extension(certificate, x509.SubjectAlternativeName)
    uris = names.get_values_for_type(x509.UniformResourceIdentifier) if names else []
    if len(uris) != 1 or not uris[0].startswith("spiffe://"):
        return None
    return Identity(uris[0], certificate.not_valid_before_utc, certificate.not_valid_after_utc)


def of_chain(chain: Sequence[str]) -> Identity | None:
    """Returns the identity of the first certificate of a chain as an agent keeps it; None where there is none or it can't be read.

    It is base64 of PEM in agent-data.json, and base64 of DER where an older agent has a file of its own.
    """
    try:
        return of_certificate(load_base64(chain[0]))
    except (IndexError, ValueError):
        return None


def load_base64(text: str) -> x509.Certificate:
    """Returns a certificate from base64 of DER, or of PEM as an agent keeps it. Raises ValueError for any other text."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError) as exc:
        raise ValueError("it is not base64") from exc
    return x509.load_pem_x509_certificate(data) if data.lstrip().startswith(b"-----") else x509.load_der_x509_certificate(data)


def fingerprints(pem: str) -> list[str]:
    """Returns the SHA-256 of each certificate in lower case hex. Raises ValueError for a text that is not a PEM bundle."""
    return [c.fingerprint(hashes.SHA256()).hex() for c in x509.load_pem_x509_certificates(pem.encode())]


def absolute(spiffe_id: str, trust_domain: str) -> str:
    """Returns a SPIFFE ID from a SPIFFE ID or from its path alone."""
    if spiffe_id.startswith("spiffe://"):
        return spiffe_id
    return f"spiffe://{trust_domain}/{spiffe_id.lstrip('/')}" if spiffe_id.strip("/") else f"spiffe://{trust_domain}"
