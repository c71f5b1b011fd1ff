# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a certificate should be, and in which respects one that is there is something else."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.cryptography_import import InvalidSignature, hashes, x509
from ansible_collections.spire.fleet.plugins.plugin_utils.common.times import moment, words
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import keys as x509_keys
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error

#: clocks of hosts and controller may disagree by a little
BACKDATE = datetime.timedelta(minutes=5)
#: key usages as the library calls them, and as X.509 does
ALL_USES = {
    "digital_signature": "digitalSignature", "content_commitment": "nonRepudiation", "key_encipherment": "keyEncipherment",
    "data_encipherment": "dataEncipherment", "key_agreement": "keyAgreement", "key_cert_sign": "keyCertSign", "crl_sign": "cRLSign",
}


@dataclasses.dataclass(frozen=True)
class Request:
    """One certificate, of a CA or of a host."""

    #: as RFC 4514 writes it: the most specific part first
    subject: str
    lifetime: datetime.timedelta
    ca: bool = True
    #: how many CAs may stand below this one, apart from leaves; None for any number
    path_length: int | None = None
    #: SPIFFE IDs below it are of these trust domains alone; none for no constraint
    uri_domains: tuple[str, ...] = ()
    dns_names: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()
    #: an existing key may be of any type where none is named
    key_type: str = ""
    backdate: datetime.timedelta = BACKDATE
    renew_before: datetime.timedelta = datetime.timedelta(0)
    #: whether a CA may sign it that ends within that time
    may_be_short: bool = False
    #: the subject key ID; None for the one that follows from the key
    key_id: bytes | None = None

    @property
    def name(self) -> Any:
        """The subject; X509Error when it is none."""
        try:
            found = x509.Name.from_rfc4514_string(self.subject)
        except ValueError as exc:
            if "length must be" in str(exc):
                raise X509Error(
                    f'The subject "{self.subject}" can\'t be used: a common name (CN) has at most 64 bytes, and a country (C) two letters.'
                ) from exc
            raise X509Error(f'The subject "{self.subject}" can\'t be read: write it as in "CN=Root CA,O=Acme,C=US".') from exc
        if not list(found):
            raise X509Error('The subject is empty: write one as in "CN=Root CA,O=Acme,C=US".')
        return found

    def check(self) -> None:
        """X509Error when nobody could make this certificate."""
        self.name.public_bytes()
        if self.key_type and self.key_type not in x509_keys.KEY_TYPES:
            raise X509Error(f"{self.key_type} is no type of a key; use {', '.join(x509_keys.KEY_TYPES)}.")
        if self.lifetime <= datetime.timedelta(0):
            raise X509Error("The lifetime must be longer than nothing.")
        if self.renew_before >= self.lifetime:
            raise X509Error(
                f"It would be renewed {words(self.renew_before)} before its end and lives {words(self.lifetime)}, so that every "
                "run would renew it. Let it live longer, or renew it later."
            )

    @property
    def usages(self) -> tuple[str, ...]:
        """Key usages: what SPIRE asks of a CA, and no more; or a signature in a handshake."""
        return ("key_cert_sign", "crl_sign") if self.ca else ("digital_signature",)

    def extensions(self) -> list[tuple[Any, bool]]:
        """What it says besides names, dates and keys, each with whether it is critical."""
        found: list[tuple[Any, bool]] = [
            (x509.BasicConstraints(self.ca, self.path_length if self.ca else None), True),
            (x509.KeyUsage(**{use: use in self.usages for use in ALL_USES}, encipher_only=False, decipher_only=False), True),
        ]
        if not self.ca:
            both = [x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH, x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]
            found.append((x509.ExtendedKeyUsage(both), False))
        if self.uri_domains:
            permitted = [x509.UniformResourceIdentifier(domain) for domain in self.uri_domains]
            found.append((x509.NameConstraints(permitted_subtrees=permitted, excluded_subtrees=None), True))
        names = [x509.DNSName(name) for name in self.dns_names] + [x509.UniformResourceIdentifier(uri) for uri in self.uris]
        if names:
            found.append((x509.SubjectAlternativeName(names), False))
        return found

    def start(self, issuer: Any | None, now: datetime.datetime) -> datetime.datetime:
        """From when on a new one would be valid: not before its issuer is."""
        early = (now - self.backdate).replace(microsecond=0)
        return early if issuer is None else max(early, issuer.not_valid_before_utc)

    def end(self, issuer: Any | None, now: datetime.datetime) -> datetime.datetime:
        """When a new one would expire: no certificate outlives its issuer."""
        whole = (now + self.lifetime).replace(microsecond=0)
        return whole if issuer is None else min(whole, issuer.not_valid_after_utc)

    def needs_regeneration(self, certificate: Any, issuer: Any | None, now: datetime.datetime) -> list[str]:
        """In words, why the certificate must be made anew; nothing for one that means the same as this request.

        ``issuer`` is the certificate of its CA, None for a root.
        """
        found = []
        if canonical(certificate.subject) != canonical(self.name):
            found.append(f"its subject is {certificate.subject.rfc4514_string()}, and should be {self.name.rfc4514_string()}")
        for wanted, _critical in self.extensions():
            found += _differs(wanted, extension(certificate, type(wanted)))
        if not self.uri_domains and extension(certificate, x509.NameConstraints):
            found.append("it constrains names, and should not")
        if not issued_by(certificate, certificate if issuer is None else issuer):
            by = "itself" if issuer is None else f"{issuer.subject.rfc4514_string()} ({fingerprint(issuer)[:16]}...)"
            found.append(f"it was not issued by {by}")
        if self.key_id and x509.SubjectKeyIdentifier(self.key_id) != extension(certificate, x509.SubjectKeyIdentifier):
            found.append(f"its subject key ID should be {self.key_id.hex()}")
        life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
        if life > self.lifetime + max(self.backdate, datetime.timedelta(hours=1)):
            found.append(f"it lives {words(life)}, and should live {words(self.lifetime)}")
        if certificate.not_valid_before_utc > now:
            found.append(f"it is not valid before {moment(certificate.not_valid_before_utc)}")
        ends = certificate.not_valid_after_utc
        if ends <= now:
            found.append(f"it expired at {moment(ends)}")
        found += self.due(certificate, issuer, now)
        return found

    def due(self, certificate: Any, issuer: Any | None, now: datetime.datetime) -> list[str]:
        """In words, that a certificate which holds is inside the window of its renewal; nothing where a new one would live no longer."""
        ends = certificate.not_valid_after_utc
        if not now < ends <= now + self.renew_before or self.end(issuer, now) <= ends:
            return []
        return [f"it expires at {moment(ends)}, which is within the {words(self.renew_before)} of its renewal"]


def _differs(wanted: Any, found: Any) -> list[str]:
    if wanted == found:
        return []
    if isinstance(wanted, x509.BasicConstraints):
        return [f"it is {constraints(found)}, and should be {constraints(wanted)}"]
    if isinstance(wanted, x509.KeyUsage):
        return [f"its key may be used for {usages(found)}, and should be for {usages(wanted)}"]
    if isinstance(wanted, x509.NameConstraints):
        return [f"it permits {permitted(found)}, and should permit {permitted(wanted)}"]
    if isinstance(wanted, x509.SubjectAlternativeName):
        return [f"its names are {names(found)}, and should be {names(wanted)}"]
    return ["its extended key usages are other ones"]


def extension(certificate: Any, kind: Any) -> Any:
    """The value of one extension; None where there is none."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def canonical(name: Any) -> list[tuple[str, str]]:
    """A name without the way in which its strings are encoded, which differs between programs and means nothing."""
    return sorted((attribute.oid.dotted_string, str(attribute.value)) for attribute in name)


def issued_by(certificate: Any, issuer: Any) -> bool:
    """Whether the name and the signature are of this issuer."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def fingerprint(certificate: Any) -> str:
    """Its SHA-256 in lower case hex."""
    return str(certificate.fingerprint(hashes.SHA256()).hex())


def constraints(found: Any) -> str:
    """BasicConstraints in words."""
    if found is None or not found.ca:
        return "no CA"
    return "a CA of any path length" if found.path_length is None else f"a CA of path length {found.path_length}"


def usages(found: Any) -> str:
    """KeyUsage in words."""
    return ", ".join(name for use, name in ALL_USES.items() if getattr(found, use, False)) or "nothing in particular"


def permitted(found: Any) -> str:
    """The URI names that NameConstraints let pass, in words."""
    trees = (found.permitted_subtrees if found else None) or ()
    return ", ".join(str(tree.value) for tree in trees) or "any name"


def names(found: Any) -> str:
    """SubjectAlternativeName in words."""
    return ", ".join(str(name.value) for name in found) if found else "none"
