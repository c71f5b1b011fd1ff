# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SSH host certificates for sshpop, and the SSH CA on the controller that signs them."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import functools
import hashlib
import os
import secrets
from collections.abc import Callable
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.cryptography_import import (
    InvalidSignature, UnsupportedAlgorithm, serialization,
)
from ansible_collections.spire.fleet.plugins.plugin_utils.common.times import from_epoch, moment, words
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.managed import ManagedCertificate
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import (
    ensure as x509_ensure, issue as x509_issue, keys as x509_keys, store as x509_store,
)
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.ensure import Outcome, Run
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.request import BACKDATE
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.store import CERTIFICATE_MODE, KeyAndCertificateFiles

NO_CA = "there is no SSH CA yet"


@dataclasses.dataclass(frozen=True)
class Certificate:
    """What a host certificate should be."""

    host: str
    principal: str
    lifetime: datetime.timedelta
    renew_before: datetime.timedelta

    def differences(self, found: Any, authority: Any, now: datetime.datetime) -> list[str]:
        """Why one that is there must be made anew, in words; ``authority`` is the CA's public key."""
        why = []
        if found.type != serialization.SSHCertificateType.HOST:
            why.append("it is no certificate of a host")
        named = ", ".join(one.decode("utf-8", "replace") for one in found.valid_principals)
        if named != self.principal:
            why.append(f"its principals are {named or 'none'}, and should be {self.principal}")
        if not _signed(found, authority):
            why.append(f"it was not signed by {fingerprint(authority)}")
        starts, ends = from_epoch(found.valid_after), from_epoch(found.valid_before)
        if ends - starts > self.lifetime + datetime.timedelta(hours=1):
            why.append(f"it lives {words(ends - starts)}, and should live {words(self.lifetime)}")
        if starts > now:
            why.append(f"it is not valid before {moment(starts)}")
        if ends <= now:
            why.append(f"it expired at {moment(ends)}")
        return why + self.due(found, now)

    def due(self, found: Any, now: datetime.datetime) -> list[str]:
        """That the time of its renewal has come, while it still works."""
        ends = from_epoch(found.valid_before)
        if not now < ends <= now + self.renew_before:
            return []
        return [f"it expires at {moment(ends)}, which is within the {words(self.renew_before)} of its renewal"]

    def sign(self, public: Any, key: Any, now: datetime.datetime) -> Any:
        """A new one for a public key."""
        builder = (
            serialization.SSHCertificateBuilder().public_key(public).serial(secrets.randbits(63)).type(serialization.SSHCertificateType.HOST)
            .key_id(self.host.encode()).valid_principals([self.principal.encode()])
            .valid_after(int((now - BACKDATE).timestamp())).valid_before(int((now + self.lifetime).timestamp()))
        )
        return builder.sign(key)


@dataclasses.dataclass(frozen=True)
class Sshpop(ManagedCertificate):
    """One host's SSH certificate."""

    #: what the names in certificates end with, and the agents' SPIFFE IDs don't
    domain: str = ""

    prefix = "spire_sshpop"
    name = "sshpop"
    title = "the SSH host certificate"
    issuer_title = "the SSH CA"
    issuer_files = ("public", "key")

    @property
    def directory(self) -> str:
        return os.path.join(self.pki_dir, self.name)

    @property
    def issuer_key_files(self) -> KeyAndCertificateFiles:
        """The CA's public key in place of a certificate, and its private one."""
        named = self.values["spire_sshpop_issuer"]
        if named:
            return KeyAndCertificateFiles(*(os.path.expanduser(str(named.get(name) or "")) for name in ("public", "key")))
        return KeyAndCertificateFiles(os.path.join(self.directory, "ca.pub"), os.path.join(self.directory, "ca.key"))

    @property
    def key_files(self) -> KeyAndCertificateFiles:
        base = os.path.join(self.directory, "agents", self.host, "node")
        return KeyAndCertificateFiles(f"{base}-cert.pub", "" if self.key_on_host else f"{base}.key")

    @property
    def wanted(self) -> Certificate:
        """What the host should have."""
        suffix = f".{self.domain}" if self.domain else ""
        principal = self.host if not suffix or self.host.endswith(suffix) else self.host + suffix
        return Certificate(self.host, principal, self.length("spire_sshpop_lifetime"), self.length("spire_sshpop_renew_before"))

    @property
    def issuer_name(self) -> str:
        found = self.authority
        return f"the SSH CA {fingerprint(found)}" if found else "the SSH CA"

    @functools.cached_property
    def authority(self) -> Any:
        """The CA's public key; None before there is one."""
        place = self.issuer_key_files.certificate
        text = x509_store.must_read(place) if self.user_supplied else x509_store.read(place)
        return None if text is None else _public(text, place)

    @property
    def issuer_missing(self) -> bool:
        try:
            return self.authority is None
        except X509Error:
            return False

    def authorities_text(self) -> str:
        """What servers verify nodes with, as OpenSSH writes it; empty before there is a CA."""
        return _line(self.authority) if self.authority else ""

    @property
    def readers(self) -> dict[str, Callable[[], Any]]:
        place = self.issuer_key_files
        return {
            "public": lambda: _public(x509_store.must_read(place.certificate), place.certificate),
            "key": lambda: _load_key(place.key, self.passphrase),
        }

    def mistakes(self, now: datetime.datetime, window: datetime.timedelta = datetime.timedelta(0)) -> list[str]:
        """What is wrong with a CA that is given. It has no end of its own."""
        if not self.user_supplied:
            return []
        wrong = x509_keys.wrong_type(self.authority, f"The key in {self.issuer_key_files.certificate}")
        key = _load_key(self.issuer_key_files.key, self.passphrase)
        if key is not None and x509_keys.public_info(key) != x509_keys.public_info(self.authority):
            return [*([wrong] if wrong else []), _apart(self.issuer_key_files)]
        return [wrong] if wrong else []

    def ca_mistakes(self) -> list[str]:
        """What is wrong with a CA of ours, as it lies on the controller."""
        key = self.issuer_key_files.load_key(self.passphrase)
        if key is None or self.authority is None or x509_keys.public_info(key) == x509_keys.public_info(self.authority):
            return []
        return [_apart(self.issuer_key_files)]

    @property
    def certificate(self) -> Any:
        """The host's, as the controller has it; None before there is one."""
        text = x509_store.read(self.key_files.certificate)
        return None if text is None else _certificate(text, self.key_files.certificate)

    def differences(self, now: datetime.datetime) -> list[str]:
        if self.authority is None:
            return [NO_CA]
        return [*self.insecure_root_permissions(), *self.key_files.insecure_permissions(), *self._differences(self.authority, None, now)]

    def due(self, now: datetime.datetime) -> list[str]:
        found = self.certificate
        return self.wanted.due(found, now) if found else []

    def _differences(self, authority: Any, public: Any, now: datetime.datetime) -> list[str]:
        found = self.certificate
        if found is None:
            return [x509_ensure.NO_CERTIFICATE]
        why = self.wanted.differences(found, authority, now)
        if public is not None and x509_keys.public_info(public) != x509_keys.public_info(found.public_key()):
            why.append("it is of another key")
        elif x509_keys.type_of(found.public_key()) != self.key_type:
            why.append(f"its key is {x509_keys.type_of(found.public_key())}, and should be {self.key_type}")
        return why

    @property
    def public_key_hex(self) -> str:
        found = self.certificate
        return x509_keys.core(found.public_key()).hex() if found else ""

    def files(self) -> dict[str, str]:
        text = x509_store.read(self.key_files.certificate)
        return {} if text is None else {"sshpop_certificate": text.decode("ascii", "replace")}

    def keep_issuer(self, run: Run) -> list[str]:
        self.must_encrypt()
        with x509_store.locked(self.directory, run.check):
            return self._authority(run)[2]

    def ensure(self, csr: str, run: Run) -> Outcome:
        self.must_encrypt()
        with x509_store.locked(self.directory, run.check):
            authority, key, why = self._authority(run)
            public, more = self._key(csr, run)
            certificate = self.certificate
            own = [x509_ensure.NO_CERTIFICATE] if authority is None else self._differences(authority, public, run.now)
            found = Outcome(differences=[*why, *more, *own], before=facts(certificate) if certificate else {})
            found.changed = bool(found.differences)
            if own and run.check:
                found.after = {"principals": self.wanted.principal, "serial": x509_issue.UNMADE}
                return found
            if own:
                certificate = self.wanted.sign(public, key or self._signing_key(), run.now)
                x509_store.write(self.key_files.certificate, certificate.public_bytes() + b"\n", CERTIFICATE_MODE)
        found.after, found.text = facts(certificate), certificate.public_bytes().decode() + "\n"
        return found

    def _authority(self, run: Run) -> tuple[Any, Any, list[str]]:
        """The CA's public key, its private one where it was just made, and what was wrong; no keys where check mode makes none."""
        if self.user_supplied:
            wrong = self.mistakes(run.now)
            if wrong:
                raise X509Error("\n".join(wrong))
            return self.authority, None, []
        place = self.issuer_key_files
        insecure_permissions = self.insecure_root_permissions()
        if insecure_permissions and not run.check:
            self._keep_better(place)
        text = x509_store.read(place.certificate)
        if text is not None:
            return _public(text, place.certificate), None, insecure_permissions
        key = place.load_key(self.passphrase)
        why = [*insecure_permissions, f"{self.issuer_title}: there is no {'key' if key is None else 'public key'}"]
        if run.check:
            return None, None, why
        if key is None:
            key = x509_keys.generate(self.key_type)
            place.write_key(key, self.passphrase)
        x509_store.write(place.certificate, _line(key.public_key()).encode(), CERTIFICATE_MODE)
        return key.public_key(), key, why

    def _keep_better(self, place: KeyAndCertificateFiles) -> None:
        """The same key, as it should have been kept."""
        place.write_key(place.load_key(self.passphrase), self.passphrase)

    def _signing_key(self) -> Any:
        place = self.issuer_key_files
        key = _load_key(place.key, self.passphrase)
        if key is None:
            raise X509Error(f"{place.key} is not there, and {self.issuer_name} has to sign. Bring the key back for this run.")
        public = _public(x509_store.must_read(place.certificate), place.certificate)
        if x509_keys.public_info(key) != x509_keys.public_info(public):
            raise X509Error(_apart(place))
        return key

    def _key(self, csr: str, run: Run) -> tuple[Any, list[str]]:
        """The host's public key, of its signing request or from here, and what was wrong with it."""
        if self.key_on_host:
            return x509_keys.load_csr(csr, "The signing request").public_key() if csr else None, []
        key = self.key_files.load_key(self.passphrase)
        if key is not None:
            if x509_keys.type_of(key) != self.key_type:
                raise X509Error(
                    f"The key in {self.key_files.key} is {x509_keys.type_of(key)}, and should be {self.key_type}. A key is never overwritten "
                    "unasked: move it away, or ask for the type that it has."
                )
            insecure_permissions = self.key_files.insecure_permissions()
            if insecure_permissions and not run.check:
                self._keep_better(self.key_files)
            return key.public_key(), insecure_permissions
        if run.check:
            return None, [f"there is no key in {self.key_files.key}"]
        key = x509_keys.generate(self.key_type)
        self.key_files.write_key(key, self.passphrase)
        return key.public_key(), [f"there is no key in {self.key_files.key}"]


def facts(certificate: Any) -> dict[str, str]:
    """What a diff shows of a host certificate. All of it is public."""
    return {
        "principals": ", ".join(one.decode("utf-8", "replace") for one in certificate.valid_principals),
        "key": x509_keys.type_of(certificate.public_key()),
        "signed by": fingerprint(certificate.signature_key()),
        "not before": moment(from_epoch(certificate.valid_after)),
        "not after": moment(from_epoch(certificate.valid_before)),
        "serial": str(certificate.serial),
    }


def fingerprint(public: Any) -> str:
    """A public key's, as OpenSSH shows it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(base64.b64decode(_line(public).split()[1])).digest()).decode().rstrip("=")


def authority_of(text: bytes, where: str) -> str:
    """The fingerprint of the CA that a file holds, or that has signed the certificate in it; X509Error for neither."""
    try:
        return fingerprint(_certificate(text, where).signature_key())
    except X509Error:
        return fingerprint(_public(text, where))


def _line(public: Any) -> str:
    return public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode() + "\n"


def _public(text: bytes, where: str) -> Any:
    try:
        return serialization.load_ssh_public_key(text.strip())
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise X509Error(f"{where} holds no public key as OpenSSH writes it.") from exc


def _certificate(text: bytes, where: str) -> Any:
    try:
        found = serialization.load_ssh_public_identity(text.strip())
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise X509Error(f"{where} holds no SSH certificate.") from exc
    if not isinstance(found, serialization.SSHCertificate):
        raise X509Error(f"{where} holds no SSH certificate.")
    return found


def _load_key(path: str, passphrase: str) -> Any:
    """A private key in PEM or as OpenSSH writes it; None where there is no file."""
    text = x509_store.read(path)
    if text is None or b"BEGIN OPENSSH PRIVATE KEY" not in text:
        return None if text is None else x509_keys.load(text, passphrase, path)
    # it may have no passphrase of its own
    for word in (None, passphrase.encode()):
        try:
            return serialization.load_ssh_private_key(text, word)
        except (ValueError, TypeError):
            continue
        except UnsupportedAlgorithm:
            raise X509Error(
                f"The key in {path} is encrypted in OpenSSH's own way, and the controller's Python has no bcrypt for that. Install it with: "
                f"pip install bcrypt; or have it written in another one: ssh-keygen -p -m PKCS8 -f {path}"
            ) from None
    raise X509Error(f"The passphrase does not open the key in {path}, or the file is damaged.")


def _signed(certificate: Any, authority: Any) -> bool:
    try:
        certificate.verify_cert_signature()
    except InvalidSignature:
        return False
    return x509_keys.public_info(certificate.signature_key()) == x509_keys.public_info(authority)


def _apart(place: KeyAndCertificateFiles) -> str:
    return f"The key in {place.key} and the public key in {place.certificate} don't belong together."
