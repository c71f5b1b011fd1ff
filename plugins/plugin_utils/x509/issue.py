# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Issues certificates, and returns the facts of a certificate that a diff may show."""

from __future__ import annotations

import datetime
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.cryptography_import import x509
from ansible_collections.spire.fleet.plugins.plugin_utils.common.times import moment
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import keys as x509_keys, request as x509_request
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.request import Request


#: what a diff shows as the fingerprint in check mode
NOT_ISSUED = "(not made in check mode)"


def issue(request: Request, public: Any, key: Any, issuer: Any | None, now: datetime.datetime) -> Any:
    """Returns a certificate for a public key, signed with ``key``. ``issuer`` is the certificate of that key, None for a root."""
    own = x509.SubjectKeyIdentifier(request.key_id) if request.key_id else x509.SubjectKeyIdentifier.from_public_key(public)
    builder = (
        x509.CertificateBuilder().subject_name(request.name).issuer_name(issuer.subject if issuer is not None else request.name)
        .public_key(public).serial_number(x509.random_serial_number())
        .not_valid_before(request.start(issuer, now)).not_valid_after(request.end(issuer, now))
        .add_extension(own, critical=False)
        .add_extension(_authority_key_id(issuer, own), critical=False)
    )
    for value, critical in request.extensions():
        builder = builder.add_extension(value, critical=critical)
    return builder.sign(key, x509_keys.digest_for(key))


def _authority_key_id(issuer: Any | None, own: Any) -> Any:
    issuer_key_id = own if issuer is None else x509_request.extension(issuer, x509.SubjectKeyIdentifier)
    if issuer_key_id is None:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key())
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_key_id)


def facts(certificate: Any) -> dict[str, str]:
    """Returns what a diff shows of a certificate. All of it is public."""
    basic = x509_request.extension(certificate, x509.BasicConstraints)
    found = {
        "subject": certificate.subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
        "key": x509_keys.type_of(certificate.public_key()),
        "is": x509_request.describe_constraints(basic),
        "usages": x509_request.describe_usages(x509_request.extension(certificate, x509.KeyUsage)),
        "permits": x509_request.describe_permitted(x509_request.extension(certificate, x509.NameConstraints)),
        "names": x509_request.describe_names(x509_request.extension(certificate, x509.SubjectAlternativeName)),
        "not before": moment(certificate.not_valid_before_utc),
        "not after": moment(certificate.not_valid_after_utc),
        "sha256": x509_request.fingerprint(certificate),
    }
    return found


def expected_facts(request: Request, issuer: Any | None, key_type: str, now: datetime.datetime) -> dict[str, str]:
    """Predicts the facts of a certificate that is not issued yet; dates only, since the time of day is not known."""
    extensions = {type(value): value for value, _critical in request.extensions()}
    return {
        "subject": request.name.rfc4514_string(),
        "issuer": (issuer.subject if issuer is not None else request.name).rfc4514_string(),
        "key": key_type,
        "is": x509_request.describe_constraints(extensions.get(x509.BasicConstraints)),
        "usages": x509_request.describe_usages(extensions.get(x509.KeyUsage)),
        "permits": x509_request.describe_permitted(extensions.get(x509.NameConstraints)),
        "names": x509_request.describe_names(extensions.get(x509.SubjectAlternativeName)),
        "not before": f"{request.start(issuer, now):%Y-%m-%d}",
        "not after": f"{request.end(issuer, now):%Y-%m-%d}",
        "sha256": NOT_ISSUED,
    }
