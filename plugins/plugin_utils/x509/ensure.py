# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps a certificate and its key in files of the controller as a request wants them: makes, renews, signs, or lets be."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.times import words
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import issue as x509_issue, keys as x509_keys
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.request import Request
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.store import KeyAndCertificateFiles

NO_CERTIFICATE = "there is no certificate"
OTHER_CHAIN = "the certificates above it are other ones"


@dataclasses.dataclass
class Issuer:
    """A CA that signs. Its key is read when something has to be signed, and may be kept away until then."""

    key_files: KeyAndCertificateFiles
    passphrase: str
    #: its certificate, then those between it and the root
    certificates: list[Any]
    bundle: list[Any]
    _key: Any = None

    @property
    def certificate(self) -> Any:
        return self.certificates[0]

    @property
    def above(self) -> list[Any]:
        """What a chain needs besides the certificate that this one issues: everything but the root."""
        return [one for one in self.certificates if one not in self.bundle]

    def key(self) -> Any:
        """X509Error where it is not at hand, or is another CA's."""
        if self._key is None:
            found = self.key_files.load_key(self.passphrase)
            if found is None:
                raise X509Error(
                    f"{self.key_files.key} is not there, and {self.certificate.subject.rfc4514_string()} has to sign. Bring the key back "
                    "for this run."
                )
            if x509_keys.public_info(found) != x509_keys.public_info(self.certificate.public_key()):
                raise X509Error(_apart(self.key_files))
            self._key = found
        return self._key


@dataclasses.dataclass
class Outcome:
    """What was, or in check mode would be, done."""

    changed: bool = False
    #: why, in words
    differences: list[str] = dataclasses.field(default_factory=list)
    before: dict[str, str] = dataclasses.field(default_factory=dict)
    after: dict[str, str] = dataclasses.field(default_factory=dict)
    backup: str = ""
    #: as in the file: the certificate, and those between it and the root
    certificates: list[Any] = dataclasses.field(default_factory=list)
    #: of a certificate that is none of X.509's, as in its file
    text: str = ""


@dataclasses.dataclass(frozen=True)
class Run:
    """How it is done this time."""

    now: datetime.datetime
    check: bool = False
    force: bool = False


@dataclasses.dataclass(frozen=True)
class Signing:
    """One certificate to be made, and for whom. Without an issuer ``key`` signs its own."""

    request: Request
    issuer: Issuer | None
    #: None where check mode has not made the key
    public: Any
    key: Any

    def certificate(self, run: Run) -> Any:
        """The certificate, signed."""
        if self.issuer is None:
            return x509_issue.issue(self.request, self.public, self.key, None, run.now)
        return x509_issue.issue(self.request, self.public, self.issuer.key(), self.issuer.certificate, run.now)

    def expected(self, run: Run) -> dict[str, str]:
        """What a diff can say of it beforehand: everything but the times of day and the fingerprint."""
        issuer = self.issuer.certificate if self.issuer else None
        kind = x509_keys.type_of(self.public) if self.public is not None else self.request.key_type or x509_keys.DEFAULT_KEY_TYPE
        return x509_issue.expected(self.request, issuer, kind, run.now)


def ensure(place: KeyAndCertificateFiles, request: Request, issuer: Issuer | None, passphrase: str, run: Run) -> Outcome:
    """A key and its certificate, signed by ``issuer`` or, for a root, by the key itself."""
    request.check()
    if not run.check:
        place.clean()
    found = Outcome()
    key, certificates = place.load_key(passphrase), place.certificates()
    if certificates:
        found.before = x509_issue.facts(certificates[0])
    if key is None and certificates and issuer is None and not run.force:
        return _keyless_root(place, request, certificates, found, run)
    new = key is None
    if key is not None:
        new = _replaced(place, request, key, certificates, issuer, run)
        insecure_permissions = place.insecure_permissions()
        found.differences += insecure_permissions
        if insecure_permissions and not run.check:
            # the same key, as it should have been kept
            place.write_key(key, passphrase)
    if new:
        found.differences.append(f"there is no key in {place.key}" if key is None else f"the key in {place.key} is made anew")
        if key is not None and not run.check:
            found.backup = place.keep_copy(run.now)
        if not run.check:
            key = x509_keys.generate(request.key_type or x509_keys.DEFAULT_KEY_TYPE)
            place.write_key(key, passphrase)
    if new:
        # the certificate goes with its key
        why = [f"the certificate in {place.certificate} is made anew" if certificates else NO_CERTIFICATE]
        certificates = []
    else:
        why = differences(request, certificates, key.public_key(), issuer, run)
    public = key.public_key() if key is not None else None
    return _certified(place, Signing(request, issuer, public, key), certificates, why, found, run)


def sign(place: KeyAndCertificateFiles, request: Request, csr: str, issuer: Issuer, run: Run) -> Outcome:
    """A certificate for a key that was born elsewhere. Of the signing request only the public key counts."""
    request.check()
    certificates = place.certificates()
    found = Outcome(before=x509_issue.facts(certificates[0]) if certificates else {})
    public = x509_keys.load_csr(csr, "The signing request").public_key()
    wrong = x509_keys.wrong_type(public, "The key of the signing request")
    if not wrong and request.key_type and x509_keys.type_of(public) != request.key_type:
        wrong = f"The key of the signing request is {x509_keys.type_of(public)}, and should be {request.key_type}."
    if wrong:
        raise X509Error(wrong)
    why = differences(request, certificates, public, issuer, run)
    return _certified(place, Signing(request, issuer, public, None), certificates, why, found, run)


def differences(request: Request, certificates: list[Any], public: Any | None, issuer: Issuer | None, run: Run) -> list[str]:
    """Why the certificate in a file must be made anew; ``public`` is the key that it should be of, where that is known."""
    if not certificates:
        return [NO_CERTIFICATE]
    found = request.needs_regeneration(certificates[0], issuer.certificate if issuer else None, run.now)
    if public is not None and x509_keys.public_info(public) != x509_keys.public_info(certificates[0].public_key()):
        found.append("it is of another key")
    elif request.key_type and x509_keys.type_of(certificates[0].public_key()) != request.key_type:
        found.append(f"its key is {x509_keys.type_of(certificates[0].public_key())}, and should be {request.key_type}")
    if issuer and not found and certificates[1:] != issuer.above:
        found.append(OTHER_CHAIN)
    return found


def _certified(
    place: KeyAndCertificateFiles, signing: Signing, certificates: list[Any], why: list[str], found: Outcome, run: Run
) -> Outcome:
    above = signing.issuer.above if signing.issuer else []
    if why == [OTHER_CHAIN]:
        certificates = [certificates[0], *above]
    elif why:
        _in_time(signing, run)
        certificates = [] if run.check else [signing.certificate(run), *above]
    if why and not run.check:
        place.write_certificates(certificates)
    found.differences += why
    found.changed = bool(found.differences)
    found.certificates = certificates
    found.after = x509_issue.facts(certificates[0]) if certificates else signing.expected(run)
    return found


def _in_time(signing: Signing, run: Run) -> None:
    """No certificate that would have to be renewed at once is signed by a CA that ends before."""
    issuer, window = signing.issuer, datetime.timedelta(0) if signing.request.may_be_short else signing.request.renew_before
    if issuer and issuer.certificate.not_valid_after_utc - run.now <= window:
        ends = issuer.certificate.not_valid_after_utc
        raise X509Error(
            f"{issuer.certificate.subject.rfc4514_string()} in {issuer.key_files.certificate} "
            + ("has expired" if ends <= run.now else f"is about to expire, in {words(ends - run.now)}")
            + f", and what it signs must live longer than {words(window)}. Replace it first."
        )


def _replaced(place: KeyAndCertificateFiles, request: Request, key: Any, certificates: list[Any], issuer: Issuer | None, run: Run) -> bool:
    """Whether an existing key makes room for a new one, which only force may do."""
    if run.force:
        return True
    if request.key_type and x509_keys.type_of(key) != request.key_type:
        raise X509Error(
            f"The key in {place.key} is {x509_keys.type_of(key)}, and should be {request.key_type}. A key is never overwritten unasked: "
            "move it away, make a new one with force, which keeps a copy, or ask for the type that it has."
        )
    if issuer is None and certificates and x509_keys.public_info(key) != x509_keys.public_info(certificates[0].public_key()):
        raise X509Error(_apart(place))
    return False


def _keyless_root(place: KeyAndCertificateFiles, request: Request, certificates: list[Any], found: Outcome, run: Run) -> Outcome:
    """A root whose key is kept away: it may stay so as long as nothing has to be signed."""
    why = differences(request, certificates, None, None, run)
    if why:
        raise X509Error(
            f"{place.certificate} is not as it should be ({'; '.join(why)}), and its key {place.key} is not there. Bring the key back for "
            "this run, or make a new root with force."
        )
    found.certificates, found.after = certificates, found.before
    return found


def _apart(place: KeyAndCertificateFiles) -> str:
    return f"The key in {place.key} and the certificate in {place.certificate} don't belong together: their public keys differ."
