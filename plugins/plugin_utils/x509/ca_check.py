# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks a CA that this collection did not make: whether its key, certificate, chain and bundle can stand above SPIRE's own CA."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.cryptography_import import UnsupportedAlgorithm, x509
from ansible_collections.spire.fleet.plugins.plugin_utils.common.times import moment, words
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import keys as x509_keys, request as x509_request


#: Go refuses signatures with these digests. It does not check a root's signature of itself.
_WEAK_DIGESTS = ("md5", "sha1")


@dataclasses.dataclass(frozen=True)
class Authority:
    """A CA as its files describe it: its certificate, the intermediates between it and the root, and the roots."""

    certificates: list[Any]
    bundle: list[Any]
    #: paths of the files, for messages
    certificate_file: str
    bundle_file: str
    key_file: str = ""
    #: the private or public key; None where it can't be read
    key: Any = None

    @property
    def certificate(self) -> Any:
        return self.certificates[0]


def check(
    authority: Authority, ca_depth_below: int, uri_domain: str, now: datetime.datetime, window: datetime.timedelta, for_servers: bool = True
) -> list[str]:
    """Returns everything that is wrong with a CA, each in a sentence.

    ``ca_depth_below`` is how many CAs come below it, SPIRE's own among them. It must be valid for longer than ``window``.
    ``for_servers`` tells whether its chains are verified as those of TLS servers.
    """
    found, linked = list(_check_key(authority)), list(_check_chain(authority))
    chain = [*authority.certificates, *(() if _is_root(authority.certificates[-1]) else _root_of(authority))]
    for index, certificate in enumerate(chain):
        in_bundle = index >= len(authority.certificates)
        where = authority.bundle_file if in_bundle else authority.certificate_file
        # If a certificate of the chain is missing, the number of CAs below is not known.
        found += _check_issuer_key(certificate, where) if index else ()
        found += _check_certificate(certificate, where, 0 if linked else ca_depth_below + index, uri_domain, now, window)
        found += _check_extended_usages(certificate, where) if for_servers else ()
    return found + linked


def _check_key(authority: Authority) -> Iterator[str]:
    certificate = authority.certificate
    public = certificate.public_key()
    if authority.key is not None and x509_keys.public_info(authority.key) != x509_keys.public_info(public):
        yield (
            f"The key in {authority.key_file} and the first certificate in {authority.certificate_file} "
            f"({_subject(certificate)}) don't belong together: their public keys differ."
        )
    wrong = x509_keys.key_type_problem(public, f"The key of {_subject(certificate)} in {authority.certificate_file}")
    if wrong:
        yield wrong


def _check_issuer_key(certificate: Any, where: str) -> Iterator[str]:
    """Checks the key of an issuer of the CA. SPIRE accepts types there that it does not use itself; only short RSA keys are refused."""
    kind = x509_keys.type_of(certificate.public_key())
    if kind.startswith("rsa-"):
        wrong = x509_keys.key_type_problem(certificate.public_key(), f"The key of {_subject(certificate)} in {where}")
        if wrong:
            yield wrong


def _check_certificate(
    certificate: Any, where: str, ca_depth_below: int, uri_domain: str, now: datetime.datetime, window: datetime.timedelta
) -> Iterator[str]:
    name = f"{_subject(certificate)} in {where}"
    starts, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if ends <= now:
        yield f"{name} expired at {moment(ends)}."
    elif ends - now <= window:
        yield f"{name} is about to expire: it ends at {moment(ends)}, in {words(ends - now)}, and must live longer than {words(window)}."
    if starts > now:
        yield f"{name} is not valid before {moment(starts)}; is the controller's clock right?"
    if _weak_digest(certificate) and not _is_root(certificate):
        yield f"{name} is signed with {_weak_digest(certificate).upper()}, which SPIRE refuses. Have it issued again, signed with SHA-256."
    basic = x509_request.extension(certificate, x509.BasicConstraints)
    if basic is None or not basic.ca:
        yield f"{name} is not the certificate of a CA: its basic constraints don't name it as one."
        return
    if basic.path_length is not None and basic.path_length < ca_depth_below:
        yield (
            f"{name} has the path length {basic.path_length}, and {ca_depth_below} {'CA comes' if ca_depth_below == 1 else 'CAs come'} "
            f"below it; it must be {ca_depth_below} or more."
        )
    usage = x509_request.extension(certificate, x509.KeyUsage)
    if usage is not None and not usage.key_cert_sign:
        yield f"{name} may not sign certificates: its key usages lack keyCertSign."
    yield from _check_name_constraints(certificate, name, uri_domain)


def _check_extended_usages(certificate: Any, where: str) -> Iterator[str]:
    basic, extended = (x509_request.extension(certificate, kind) for kind in (x509.BasicConstraints, x509.ExtendedKeyUsage))
    for_servers = (x509.oid.ExtendedKeyUsageOID.SERVER_AUTH, x509.oid.ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
    if basic is not None and basic.ca and extended is not None and not any(use in extended for use in for_servers):
        yield (
            f"{_subject(certificate)} in {where} has extended key usages without serverAuth, so that SPIRE refuses the chain; leave them "
            "out of a CA."
        )


def _check_name_constraints(certificate: Any, name: str, uri_domain: str) -> Iterator[str]:
    found = x509_request.extension(certificate, x509.NameConstraints)
    if found is None or not uri_domain:
        return

    def covers(tree: Any) -> bool:
        value = str(tree.value).lower()
        return uri_domain.endswith(value) if value.startswith(".") else uri_domain == value
    allowed = [tree for tree in found.permitted_subtrees or () if isinstance(tree, x509.UniformResourceIdentifier)]
    refused = [tree for tree in found.excluded_subtrees or () if isinstance(tree, x509.UniformResourceIdentifier)]
    if (allowed and not any(covers(tree) for tree in allowed)) or any(covers(tree) for tree in refused):
        yield f"{name} does not permit SPIFFE IDs of {uri_domain}: its name constraints are for {x509_request.describe_permitted(found)}."


def _check_chain(authority: Authority) -> Iterator[str]:
    certificates, file = authority.certificates, authority.certificate_file
    for lower, upper in zip(certificates, certificates[1:]):
        if not _issued_by(lower, upper):
            disordered = _is_chain_in_another_order(certificates)
            remedy = "the chain is in the wrong order" if disordered else "a certificate between them is missing"
            yield (
                f"{_subject(lower)} in {file} was not issued by {_subject(upper)}, which follows it: {remedy}. Write the CA's own "
                "certificate first, and after each the one that issued it."
            )
            return
    if not any(_is_root(one) for one in authority.bundle):
        yield f"{authority.bundle_file} has no root: none of its certificates is self-signed."
    elif not _root_of(authority):
        yield (
            f"{authority.bundle_file} does not have the root of {file}: none of its certificates issued "
            f"{_subject(certificates[-1])}."
        )


def _root_of(authority: Authority) -> list[Any]:
    """Returns the root in the bundle that the chain ends in, as a list of one: its last certificate itself, or that one's issuer."""
    last = authority.certificates[-1]
    return [one for one in authority.bundle if one == last or (_is_root(one) and _issued_by(last, one))][:1]


def _is_root(certificate: Any) -> bool:
    return _issued_by(certificate, certificate)


def _issued_by(certificate: Any, issuer: Any) -> bool:
    """Whether a certificate names this issuer and has its signature. For a weak digest the name is enough, since it can't be verified."""
    return x509_request.issued_by(certificate, issuer) or bool(_weak_digest(certificate) and certificate.issuer == issuer.subject)


def _weak_digest(certificate: Any) -> str:
    """Returns the digest of a certificate's signature if it is a weak one; else an empty text."""
    try:
        digest = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return ""
    return digest.name if digest is not None and digest.name in _WEAK_DIGESTS else ""


def _is_chain_in_another_order(certificates: list[Any]) -> bool:
    """Whether the certificates would be a chain if they stood in another order."""
    left = list(certificates)
    for start in certificates:
        left, last = [one for one in certificates if one is not start], start
        while True:
            following = next((one for one in left if _issued_by(last, one)), None)
            if following is None:
                break
            left, last = [one for one in left if one is not following], following
        if not left:
            return True
    return False


def _subject(certificate: Any) -> str:
    return str(certificate.subject.rfc4514_string())
