# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks a certificate with which a node attests by x509pop and which this collection did not make."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.cryptography_import import ec, rsa, x509
from ansible_collections.spire.fleet.plugins.plugin_utils.common.times import moment, words
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import chains, keys as x509_keys, request as x509_request

#: if less than this share of a certificate's lifetime is left, it should have been renewed
LEAST_LEFT = 0.2


def check(certificate: Any, file: str, now: datetime.datetime) -> Iterator[str]:
    """Yields why a server of SPIRE would refuse the certificate, whoever issued it."""
    name = f"{subject(certificate)} in {file}"
    starts, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if ends <= now:
        yield f"{name} expired at {moment(ends)}, so servers refuse it. Replace it."
    if starts > now:
        yield f"{name} is not valid before {moment(starts)}; is the controller's clock right?"
    usage = x509_request.extension(certificate, x509.KeyUsage)
    if usage is None or not usage.digital_signature:
        yield f"{name} lacks the key usage digitalSignature, without which servers refuse it. Have it issued again with that usage."
    public = certificate.public_key()
    if not isinstance(public, (rsa.RSAPublicKey, ec.EllipticCurvePublicKey)):
        yield f"{name} has a key of the type {x509_keys.type_of(public)}, and x509pop takes RSA and ECDSA keys only. Have it issued for such a key."


def ends_soon(certificate: Any, file: str, now: datetime.datetime) -> str:
    """Returns that a certificate should have been renewed; empty where it need not, or has expired."""
    starts, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not now < ends < now + LEAST_LEFT * (ends - starts):
        return ""
    return (
        f"{subject(certificate)} in {file} expires at {moment(ends)}, in {words(ends - now)}. Nothing renews it automatically: replace it before "
        "then, or the agent can't attest any more."
    )


def chain_gap(chain: list[Any], roots: list[Any], now: datetime.datetime) -> str:
    """Returns where the way from the first certificate to one of the roots ends; empty where it leads to one. The others may be in any order."""
    last = chains.last_before_gap(chain[0], chain[1:], roots, now)
    if last is None:
        return ""
    if x509_request.issued_by(last, last):
        return f"{subject(last)} is a root that is none of them"
    known = [one for one in (*chain[1:], *roots) if one.subject == last.issuer and x509_request.issued_by(last, one)]
    if not known:
        return f"{subject(last)} was issued by {last.issuer.rfc4514_string()}, whose certificate is in none of them"
    wrong = "expired" if known[0].not_valid_after_utc <= now else "is not valid yet" if known[0].not_valid_before_utc > now else "is no CA"
    return f"{subject(last)} was issued by {subject(known[0])}, which {wrong}"


def subject(certificate: Any) -> str:
    """Returns the name of a certificate for a message."""
    return str(certificate.subject.rfc4514_string()) or "the certificate without a subject"
