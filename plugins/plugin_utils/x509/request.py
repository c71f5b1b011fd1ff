# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Describes a certificate that should exist, and finds how an existing one differs from it."""

from __future__ import annotations

import dataclasses
import datetime
import re
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.cryptography_import import InvalidSignature, hashes, x509
from ansible_collections.spire.fleet.plugins.plugin_utils.common.times import moment, words
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import keys as x509_keys
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error

#: how long before its issuance a certificate becomes valid, since the clocks of hosts may be a little behind
BACKDATE = datetime.timedelta(minutes=5)
#: a subject up to a character that RFC 4514 allows in a value only after a backslash
_BARE = re.compile(r'(?:[^\\<>;"]|\\.)*([<>;"])')
#: the library's names of key usages, with the names in X.509
ALL_USES = {
    "digital_signature": "digitalSignature", "content_commitment": "nonRepudiation", "key_encipherment": "keyEncipherment",
    "data_encipherment": "dataEncipherment", "key_agreement": "keyAgreement", "key_cert_sign": "keyCertSign", "crl_sign": "cRLSign",
}


@dataclasses.dataclass(frozen=True)
class Request:
    """One certificate that should exist, of a CA or of a host."""

    #: the subject in the form of RFC 4514: the most specific part first
    subject: str
    lifetime: datetime.timedelta
    ca: bool = True
    #: how many CAs may come below this one; None for any number
    path_length: int | None = None
    #: the trust domains whose SPIFFE IDs the CA may certify; empty for all trust domains
    uri_domains: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()
    #: the type of the key; empty if an existing key may have any type
    key_type: str = ""
    backdate: datetime.timedelta = BACKDATE
    renew_before: datetime.timedelta = datetime.timedelta(0)
    #: whether its issuer may expire within renew_before
    issuer_may_expire: bool = False
    #: the subject key ID; None for the hash of the key
    key_id: bytes | None = None

    @property
    def name(self) -> Any:
        """The subject. Raises X509Error where it is not valid."""
        try:
            found = x509.Name.from_rfc4514_string(self.subject)
        except ValueError as exc:
            bare = _BARE.match(self.subject)
            if bare:
                raise X509Error(
                    f'The subject "{self.subject}" can\'t be read: in a value, write a backslash before the character {bare[1]}, as in CN=Acme\\{bare[1]}.'
                ) from exc
            if "length must be" in str(exc):
                raise X509Error(
                    f'The subject "{self.subject}" can\'t be used: a common name (CN) has one to 64 bytes, and a country (C) two letters.'
                ) from exc
            raise X509Error(f'The subject "{self.subject}" can\'t be read: write it as in "CN=Root CA,O=Acme,C=US".') from exc
        if not list(found):
            raise X509Error('The subject is empty: write one as in "CN=Root CA,O=Acme,C=US".')
        return found

    def check(self) -> None:
        """Raises X509Error where no such certificate can be made."""
        self.name.public_bytes()
        if self.key_type and self.key_type not in x509_keys.KEY_TYPES:
            raise X509Error(f"{self.key_type} is not a type of key; use {', '.join(x509_keys.KEY_TYPES)}.")
        if self.lifetime <= datetime.timedelta(0):
            raise X509Error("The lifetime must be longer than zero.")
        if self.renew_before >= self.lifetime:
            raise X509Error(
                f"It would be renewed {words(self.renew_before)} before it expires, but it lives only {words(self.lifetime)}, so every run "
                "would renew it. Set a longer lifetime, or renew it later."
            )

    @property
    def key_usages(self) -> tuple[str, ...]:
        """The key usages: what SPIRE requires of a CA, or signatures in a handshake."""
        return ("key_cert_sign", "crl_sign") if self.ca else ("digital_signature",)

    def extensions(self) -> list[tuple[Any, bool]]:
        """Returns the extensions, each with whether it is critical."""
        found: list[tuple[Any, bool]] = [
            (x509.BasicConstraints(self.ca, self.path_length if self.ca else None), True),
            (x509.KeyUsage(**{use: use in self.key_usages for use in ALL_USES}, encipher_only=False, decipher_only=False), True),
        ]
        if not self.ca:
            both = [x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH, x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]
            found.append((x509.ExtendedKeyUsage(both), False))
        if self.uri_domains:
            permitted = [x509.UniformResourceIdentifier(domain) for domain in self.uri_domains]
            found.append((x509.NameConstraints(permitted_subtrees=permitted, excluded_subtrees=None), True))
        if self.uris:
            found.append((x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri) for uri in self.uris]), False))
        return found

    def start(self, issuer: Any | None, now: datetime.datetime) -> datetime.datetime:
        """Returns when a certificate issued now becomes valid: not before its issuer does."""
        early = (now - self.backdate).replace(microsecond=0)
        return early if issuer is None else max(early, issuer.not_valid_before_utc)

    def end(self, issuer: Any | None, now: datetime.datetime) -> datetime.datetime:
        """Returns when a certificate issued now expires: not after its issuer does."""
        whole = (now + self.lifetime).replace(microsecond=0)
        return whole if issuer is None else min(whole, issuer.not_valid_after_utc)

    def needs_regeneration(self, certificate: Any, issuer: Any | None, now: datetime.datetime) -> list[str]:
        """Returns why a certificate must be replaced; empty for one that fulfils this request.

        ``issuer`` is the certificate of its CA, None for a root.
        """
        found = []
        if canonical(certificate.subject) != canonical(self.name):
            found.append(f"its subject is {certificate.subject.rfc4514_string()}, and should be {self.name.rfc4514_string()}")
        for expected, _critical in self.extensions():
            found += _differs(expected, extension(certificate, type(expected)))
        if not self.uri_domains and extension(certificate, x509.NameConstraints):
            found.append("it constrains names, and should not")
        if not issued_by(certificate, certificate if issuer is None else issuer):
            by = "itself" if issuer is None else f"{issuer.subject.rfc4514_string()} ({fingerprint(issuer)[:16]}...)"
            found.append(f"it was not issued by {by}")
        if self.key_id and x509.SubjectKeyIdentifier(self.key_id) != extension(certificate, x509.SubjectKeyIdentifier):
            found.append(f"its subject key ID should be {self.key_id.hex()}")
        starts, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        found += validity_problems(starts, ends, self.lifetime, max(self.backdate, datetime.timedelta(hours=1)), now)
        return found + self.renewal_due(certificate, issuer, now)

    def renewal_due(self, certificate: Any, issuer: Any | None, now: datetime.datetime) -> list[str]:
        """Returns that the renewal of a valid certificate is due; empty where it is not, or where a new one would not live longer."""
        ends = certificate.not_valid_after_utc
        return renewal_due(ends, self.renew_before, now) if self.end(issuer, now) > ends else []


def validity_problems(
    starts: datetime.datetime, ends: datetime.datetime, lifetime: datetime.timedelta, tolerance: datetime.timedelta, now: datetime.datetime
) -> list[str]:
    """Returns what is wrong with the times of a certificate. It may live longer than its lifetime by the tolerance."""
    found = []
    if ends - starts > lifetime + tolerance:
        found.append(f"it lives {words(ends - starts)}, and should live {words(lifetime)}")
    if starts > now:
        found.append(f"it is not valid before {moment(starts)}")
    if ends <= now:
        found.append(f"it expired at {moment(ends)}")
    return found


def renewal_due(ends: datetime.datetime, renew_before: datetime.timedelta, now: datetime.datetime) -> list[str]:
    """Returns that the renewal of a valid certificate is due; empty where it is not."""
    if not now < ends <= now + renew_before:
        return []
    return [f"it expires at {moment(ends)}, and its renewal is due {words(renew_before)} before that"]


def _differs(expected: Any, found: Any) -> list[str]:
    if expected == found:
        return []
    if isinstance(expected, x509.BasicConstraints):
        return [f"it is {describe_constraints(found)}, and should be {describe_constraints(expected)}"]
    if isinstance(expected, x509.KeyUsage):
        return [f"its key may be used for {describe_usages(found)}, and should be for {describe_usages(expected)}"]
    if isinstance(expected, x509.NameConstraints):
        return [f"it permits {describe_permitted(found)}, and should permit {describe_permitted(expected)}"]
    if isinstance(expected, x509.SubjectAlternativeName):
        return [f"its names are {describe_names(found)}, and should be {describe_names(expected)}"]
    return ["its extended key usages differ"]


def extension(certificate: Any, kind: Any) -> Any:
    """Returns the value of an extension of a certificate; None where it has none."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def canonical(name: Any) -> list[tuple[str, str]]:
    """Returns a name without the encodings of its strings, which differ between programs and have no meaning."""
    return sorted((attribute.oid.dotted_string, str(attribute.value)) for attribute in name)


def issued_by(certificate: Any, issuer: Any) -> bool:
    """Whether a certificate names this issuer and has its signature."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def fingerprint(certificate: Any) -> str:
    """Returns the SHA-256 of a certificate in lower case hex."""
    return str(certificate.fingerprint(hashes.SHA256()).hex())


def describe_constraints(found: Any) -> str:
    """Returns BasicConstraints in words."""
    if found is None or not found.ca:
        return "no CA"
    return "a CA of any path length" if found.path_length is None else f"a CA of path length {found.path_length}"


def describe_usages(found: Any) -> str:
    """Returns KeyUsage in words."""
    return ", ".join(name for use, name in ALL_USES.items() if getattr(found, use, False)) or "nothing in particular"


def describe_permitted(found: Any) -> str:
    """Returns the URI names that NameConstraints permit, in words."""
    trees = (found.permitted_subtrees if found else None) or ()
    return ", ".join(str(tree.value) for tree in trees) or "any name"


def describe_names(found: Any) -> str:
    """Returns SubjectAlternativeName in words."""
    return ", ".join(str(name.value) for name in found) if found else "none"
