# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps a key and its certificate on the controller as a request describes them: makes, renews or signs what is missing or differs."""

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
    """A CA that signs. Its key is read only when something has to be signed, so it may be kept elsewhere until then."""

    key_files: KeyAndCertificateFiles
    passphrase: str
    #: its certificate, then the intermediates between it and the root
    certificates: list[Any]
    bundle: list[Any]
    _key: Any = None

    @property
    def certificate(self) -> Any:
        return self.certificates[0]

    @property
    def chain_without_root(self) -> list[Any]:
        """The certificates that follow an issued one in its chain: the issuer's own and those above it, without the root."""
        return [one for one in self.certificates if one not in self.bundle]

    def key(self) -> Any:
        """Returns the private key. Raises X509Error where its file is missing or holds another CA's key."""
        if self._key is None:
            found = self.key_files.load_key(self.passphrase)
            if found is None:
                raise X509Error(
                    f"{self.key_files.key} is not there, and {self.certificate.subject.rfc4514_string()} has to sign. Bring the key back "
                    "for this run."
                )
            if x509_keys.public_info(found) != x509_keys.public_info(self.certificate.public_key()):
                raise X509Error(_mismatch(self.key_files))
            self._key = found
        return self._key


@dataclasses.dataclass
class Outcome:
    """The result of making or checking a certificate: what was done, or in check mode would be done."""

    changed: bool = False
    #: the reasons for the change, for messages
    differences: list[str] = dataclasses.field(default_factory=list)
    before: dict[str, str] = dataclasses.field(default_factory=dict)
    after: dict[str, str] = dataclasses.field(default_factory=dict)
    backup: str = ""
    #: the certificate and the intermediates above it, as in the file
    certificates: list[Any] = dataclasses.field(default_factory=list)
    #: the text of an SSH certificate, which is not in ``certificates``
    text: str = ""


@dataclasses.dataclass(frozen=True)
class Run:
    """The time of this run, and whether it only checks or is forced."""

    now: datetime.datetime
    check: bool = False
    force: bool = False


@dataclasses.dataclass(frozen=True)
class Signing:
    """One certificate to sign. Without an issuer, ``key`` signs its own certificate: a root."""

    request: Request
    issuer: Issuer | None
    #: None where check mode did not make the key
    public: Any
    key: Any

    def certificate(self, run: Run) -> Any:
        """Returns the signed certificate."""
        if self.issuer is None:
            return x509_issue.issue(self.request, self.public, self.key, None, run.now)
        return x509_issue.issue(self.request, self.public, self.issuer.key(), self.issuer.certificate, run.now)

    def expected_facts(self, run: Run) -> dict[str, str]:
        """Returns what a diff can show beforehand: everything but the times of day and the fingerprint."""
        issuer = self.issuer.certificate if self.issuer else None
        kind = x509_keys.type_of(self.public) if self.public is not None else self.request.key_type or x509_keys.DEFAULT_KEY_TYPE
        return x509_issue.expected_facts(self.request, issuer, kind, run.now)


def ensure(key_files: KeyAndCertificateFiles, request: Request, issuer: Issuer | None, passphrase: str, run: Run) -> Outcome:
    """Makes sure that there is a key and its certificate, signed by ``issuer`` or, for a root, by the key itself."""
    request.check()
    if not run.check:
        key_files.remove_temporary_files()
    found = Outcome()
    key, certificates = key_files.load_key(passphrase), key_files.certificates()
    if certificates:
        found.before = x509_issue.facts(certificates[0])
    if key is None and certificates and issuer is None and not run.force:
        return _root_without_key(key_files, request, certificates, found, run)
    new = key is None
    if key is not None:
        new = _must_replace_key(key_files, request, key, certificates, issuer, run)
        found.differences += key_files.protect_key(key, passphrase, run.check)
    if new:
        found.differences.append(f"there is no key in {key_files.key}" if key is None else f"the key in {key_files.key} is replaced")
        if key is not None and not run.check:
            found.backup = key_files.back_up(run.now)
        if not run.check:
            key = x509_keys.generate(request.key_type or x509_keys.DEFAULT_KEY_TYPE)
            key_files.write_key(key, passphrase)
        # A new key needs a new certificate, so that is replaced as well.
        why = [f"the certificate in {key_files.certificate} is replaced" if certificates else NO_CERTIFICATE]
        certificates = []
    else:
        why = differences(request, certificates, key.public_key(), issuer, run)
    public = key.public_key() if key is not None else None
    return _write_if_different(key_files, Signing(request, issuer, public, key), certificates, why, found, run)


def sign(key_files: KeyAndCertificateFiles, request: Request, csr: str, issuer: Issuer, run: Run) -> Outcome:
    """Makes sure that there is a certificate for a key that is elsewhere. Only the public key of the signing request is used."""
    request.check()
    certificates = key_files.certificates()
    found = Outcome(before=x509_issue.facts(certificates[0]) if certificates else {})
    public = x509_keys.load_csr(csr).public_key()
    wrong = x509_keys.key_type_problem(public, "The key of the signing request")
    if not wrong and request.key_type and x509_keys.type_of(public) != request.key_type:
        wrong = f"The key of the signing request is {x509_keys.type_of(public)}, and should be {request.key_type}."
    if wrong:
        raise X509Error(wrong)
    why = differences(request, certificates, public, issuer, run)
    return _write_if_different(key_files, Signing(request, issuer, public, None), certificates, why, found, run)


def differences(request: Request, certificates: list[Any], public: Any | None, issuer: Issuer | None, run: Run) -> list[str]:
    """Returns why the certificate in a file must be replaced. ``public`` is the key that it should be for, where that is known."""
    if not certificates:
        return [NO_CERTIFICATE]
    found = request.needs_regeneration(certificates[0], issuer.certificate if issuer else None, run.now)
    if public is not None and x509_keys.public_info(public) != x509_keys.public_info(certificates[0].public_key()):
        found.append("it is for another key")
    elif request.key_type and x509_keys.type_of(certificates[0].public_key()) != request.key_type:
        found.append(f"its key is {x509_keys.type_of(certificates[0].public_key())}, and should be {request.key_type}")
    if issuer and not found and certificates[1:] != issuer.chain_without_root:
        found.append(OTHER_CHAIN)
    return found


def _write_if_different(
    key_files: KeyAndCertificateFiles, signing: Signing, certificates: list[Any], why: list[str], found: Outcome, run: Run
) -> Outcome:
    chain_without_root = signing.issuer.chain_without_root if signing.issuer else []
    if why == [OTHER_CHAIN]:
        certificates = [certificates[0], *chain_without_root]
    elif why:
        _require_lasting_issuer(signing, run)
        certificates = [] if run.check else [signing.certificate(run), *chain_without_root]
    if why and not run.check:
        key_files.write_certificates(certificates)
    found.differences += why
    found.changed = bool(found.differences)
    found.certificates = certificates
    found.after = x509_issue.facts(certificates[0]) if certificates else signing.expected_facts(run)
    return found


def _require_lasting_issuer(signing: Signing, run: Run) -> None:
    """Raises X509Error where the issuer expires so soon that its certificates would have to be renewed at once."""
    issuer, window = signing.issuer, datetime.timedelta(0) if signing.request.issuer_may_expire else signing.request.renew_before
    if issuer and issuer.certificate.not_valid_after_utc - run.now <= window:
        ends = issuer.certificate.not_valid_after_utc
        raise X509Error(
            f"{issuer.certificate.subject.rfc4514_string()} in {issuer.key_files.certificate} "
            + ("has expired" if ends <= run.now else f"is about to expire, in {words(ends - run.now)}")
            + f", and what it signs must live longer than {words(window)}. Replace it first."
        )


def _must_replace_key(
    key_files: KeyAndCertificateFiles, request: Request, key: Any, certificates: list[Any], issuer: Issuer | None, run: Run
) -> bool:
    """Whether an existing key is replaced. Only ``force`` does that: without it, a key that can't stay raises X509Error."""
    if run.force:
        return True
    if request.key_type and x509_keys.type_of(key) != request.key_type:
        raise X509Error(
            f"The key in {key_files.key} is {x509_keys.type_of(key)}, and should be {request.key_type}. A key is never overwritten "
            "unasked: move it away, make a new one with force, which keeps a copy, or ask for the type that it has."
        )
    if issuer is None and certificates and x509_keys.public_info(key) != x509_keys.public_info(certificates[0].public_key()):
        raise X509Error(_mismatch(key_files))
    return False


def _root_without_key(key_files: KeyAndCertificateFiles, request: Request, certificates: list[Any], found: Outcome, run: Run) -> Outcome:
    """Returns the outcome for a root whose key is kept elsewhere. That is fine as long as nothing has to be signed."""
    why = differences(request, certificates, None, None, run)
    if why:
        raise X509Error(
            f"{key_files.certificate} is not as it should be ({'; '.join(why)}), and its key {key_files.key} is not there. Bring the key "
            "back for this run, or make a new root with force."
        )
    found.certificates, found.after = certificates, found.before
    return found


def _mismatch(key_files: KeyAndCertificateFiles) -> str:
    return f"The key in {key_files.key} and the certificate in {key_files.certificate} don't belong together: their public keys differ."
