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
from ansible_collections.spire.fleet.plugins.plugin_utils.common.times import from_epoch, moment
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.managed import ManagedCertificate
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import (
    ensure as x509_ensure, issue as x509_issue, keys as x509_keys, store as x509_store,
)
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.ensure import Outcome, Run
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.request import BACKDATE, renewal_due, validity_problems
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.store import CERTIFICATE_MODE, KeyAndCertificateFiles

NO_CA = "there is no SSH CA yet"


@dataclasses.dataclass(frozen=True)
class HostCertificateRequest:
    """An SSH host certificate that should exist."""

    host: str
    principal: str
    lifetime: datetime.timedelta
    renew_before: datetime.timedelta

    def differences(self, found: Any, authority: Any, now: datetime.datetime) -> list[str]:
        """Returns why an existing certificate must be replaced. ``authority`` is the CA's public key."""
        why = []
        if found.type != serialization.SSHCertificateType.HOST:
            why.append("it is not a host certificate")
        named = ", ".join(one.decode("utf-8", "replace") for one in found.valid_principals)
        if named != self.principal:
            why.append(f"its principals are {named or 'none'}, and should be {self.principal}")
        if not _is_signed_by(found, authority):
            why.append(f"it was not signed by {fingerprint(authority)}")
        starts, ends = from_epoch(found.valid_after), from_epoch(found.valid_before)
        why += validity_problems(starts, ends, self.lifetime, datetime.timedelta(hours=1), now)
        return why + self.renewal_due(found, now)

    def renewal_due(self, found: Any, now: datetime.datetime) -> list[str]:
        """Returns that the renewal of a valid certificate is due; empty where it is not."""
        return renewal_due(from_epoch(found.valid_before), self.renew_before, now)

    def sign(self, public: Any, key: Any, now: datetime.datetime) -> Any:
        """Returns a new certificate for a public key."""
        builder = (
            serialization.SSHCertificateBuilder().public_key(public).serial(secrets.randbits(63))
            .type(serialization.SSHCertificateType.HOST).key_id(self.host.encode()).valid_principals([self.principal.encode()])
            .valid_after(int((now - BACKDATE).timestamp())).valid_before(int((now + self.lifetime).timestamp()))
        )
        return builder.sign(key)


@dataclasses.dataclass(frozen=True)
class Sshpop(ManagedCertificate):
    """The SSH host certificate of one node."""

    #: the domain that the certificates' principals end with; it is not part of the agents' SPIFFE IDs
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
        """The CA's public key, in place of a certificate, and its private key."""
        named = self.values["spire_sshpop_issuer"]
        if named:
            return KeyAndCertificateFiles(*(os.path.expanduser(str(named.get(name) or "")) for name in ("public", "key")))
        return KeyAndCertificateFiles(os.path.join(self.directory, "ca.pub"), os.path.join(self.directory, "ca.key"))

    @property
    def key_files(self) -> KeyAndCertificateFiles:
        base = os.path.join(self.directory, "agents", self.host, "node")
        return KeyAndCertificateFiles(f"{base}-cert.pub", "" if self.key_on_host else f"{base}.key")

    @property
    def certificate_request(self) -> HostCertificateRequest:
        """The certificate that the host should have."""
        suffix = f".{self.domain}" if self.domain else ""
        principal = self.host if not suffix or self.host.endswith(suffix) else self.host + suffix
        lifetime, renew_before = self.duration("spire_sshpop_lifetime"), self.duration("spire_sshpop_renew_before")
        return HostCertificateRequest(self.host, principal, lifetime, renew_before)

    @property
    def issuer_name(self) -> str:
        found = self.authority
        return f"the SSH CA {fingerprint(found)}" if found else "the SSH CA"

    @functools.cached_property
    def authority(self) -> Any:
        """The CA's public key; None before there is one."""
        path = self.issuer_key_files.certificate
        text = x509_store.must_read(path) if self.user_supplied else x509_store.read(path)
        return None if text is None else _load_public_key(text, path)

    @property
    def issuer_missing(self) -> bool:
        try:
            return self.authority is None
        except X509Error:
            return False

    def authorities_text(self) -> str:
        """Returns the CA that servers verify nodes with, as OpenSSH writes it; empty before there is a CA."""
        return _openssh_line(self.authority) if self.authority else ""

    @property
    def file_readers(self) -> dict[str, Callable[[], Any]]:
        key_files = self.issuer_key_files
        return {
            "public": lambda: _load_public_key(x509_store.must_read(key_files.certificate), key_files.certificate),
            "key": lambda: _load_key(key_files.key, self.passphrase),
        }

    def issuer_problems(self, now: datetime.datetime, window: datetime.timedelta = datetime.timedelta(0)) -> list[str]:
        """Returns what is wrong with the user's own CA. An SSH CA does not expire."""
        if not self.user_supplied:
            return []
        wrong = x509_keys.key_type_problem(self.authority, f"The key in {self.issuer_key_files.certificate}")
        key = _load_key(self.issuer_key_files.key, self.passphrase)
        if key is not None and x509_keys.public_info(key) != x509_keys.public_info(self.authority):
            return [*([wrong] if wrong else []), _mismatch(self.issuer_key_files)]
        return [wrong] if wrong else []

    def key_mismatch(self) -> list[str]:
        """Returns that the two keys of our CA on the controller are not a pair; empty where they are."""
        key = self.issuer_key_files.load_key(self.passphrase)
        if key is None or self.authority is None or x509_keys.public_info(key) == x509_keys.public_info(self.authority):
            return []
        return [_mismatch(self.issuer_key_files)]

    @property
    def certificate(self) -> Any:
        """The host's certificate on the controller; None before there is one."""
        text = x509_store.read(self.key_files.certificate)
        return None if text is None else _load_certificate(text, self.key_files.certificate)

    def differences(self, now: datetime.datetime) -> list[str]:
        if self.authority is None:
            return [NO_CA]
        return [*self.insecure_root_permissions(), *self.key_files.insecure_permissions(), *self._differences(self.authority, None, now)]

    def renewal_due(self, now: datetime.datetime) -> list[str]:
        found = self.certificate
        return self.certificate_request.renewal_due(found, now) if found else []

    def _differences(self, authority: Any, public: Any, now: datetime.datetime) -> list[str]:
        found = self.certificate
        if found is None:
            return [x509_ensure.NO_CERTIFICATE]
        why = self.certificate_request.differences(found, authority, now)
        if public is not None and x509_keys.public_info(public) != x509_keys.public_info(found.public_key()):
            why.append("it is for another key")
        elif x509_keys.type_of(found.public_key()) != self.key_type:
            why.append(f"its key is {x509_keys.type_of(found.public_key())}, and should be {self.key_type}")
        return why

    @property
    def public_key_hex(self) -> str:
        found = self.certificate
        return x509_keys.public_key_bytes(found.public_key()).hex() if found else ""

    def files(self) -> dict[str, str]:
        text = x509_store.read(self.key_files.certificate)
        return {} if text is None else {"sshpop_certificate": text.decode("ascii", "replace")}

    def ensure_issuer(self, run: Run) -> list[str]:
        self.require_passphrase()
        with x509_store.locked(self.directory, run.check):
            return self._ensure_authority(run)[2]

    def ensure(self, csr: str, run: Run) -> Outcome:
        self.require_passphrase()
        with x509_store.locked(self.directory, run.check):
            authority, key, why = self._ensure_authority(run)
            public, more = self._ensure_host_key(csr, run)
            certificate = self.certificate
            own = [x509_ensure.NO_CERTIFICATE] if authority is None else self._differences(authority, public, run.now)
            found = Outcome(differences=[*why, *more, *own], before=certificate_facts(certificate) if certificate else {})
            found.changed = bool(found.differences)
            if own and run.check:
                found.after = {"principals": self.certificate_request.principal, "serial": x509_issue.NOT_ISSUED}
                return found
            if own:
                certificate = self.certificate_request.sign(public, key or self._signing_key(), run.now)
                x509_store.write(self.key_files.certificate, certificate.public_bytes() + b"\n", CERTIFICATE_MODE)
        found.after, found.text = certificate_facts(certificate), certificate.public_bytes().decode() + "\n"
        return found

    def _ensure_authority(self, run: Run) -> tuple[Any, Any, list[str]]:
        """Returns the CA's public key, its private key if it was just made, and what was wrong. Check mode makes no keys."""
        if self.user_supplied:
            wrong = self.issuer_problems(run.now)
            if wrong:
                raise X509Error("\n".join(wrong))
            return self.authority, None, []
        key_files = self.issuer_key_files
        insecure_permissions = self.insecure_root_permissions()
        if insecure_permissions and not run.check:
            key_files.write_key(key_files.load_key(self.passphrase), self.passphrase)
        text = x509_store.read(key_files.certificate)
        if text is not None:
            return _load_public_key(text, key_files.certificate), None, insecure_permissions
        key = key_files.load_key(self.passphrase)
        why = [*insecure_permissions, f"{self.issuer_title}: there is no {'key' if key is None else 'public key'}"]
        if run.check:
            return None, None, why
        if key is None:
            key = x509_keys.generate(self.key_type)
            key_files.write_key(key, self.passphrase)
        x509_store.write(key_files.certificate, _openssh_line(key.public_key()).encode(), CERTIFICATE_MODE)
        return key.public_key(), key, why

    def _signing_key(self) -> Any:
        key_files = self.issuer_key_files
        key = _load_key(key_files.key, self.passphrase)
        if key is None:
            raise X509Error(f"{key_files.key} is not there, and {self.issuer_name} has to sign. Bring the key back for this run.")
        public = _load_public_key(x509_store.must_read(key_files.certificate), key_files.certificate)
        if x509_keys.public_info(key) != x509_keys.public_info(public):
            raise X509Error(_mismatch(key_files))
        return key

    def _ensure_host_key(self, csr: str, run: Run) -> tuple[Any, list[str]]:
        """Returns the host's public key, from its signing request or from the controller, and what was wrong with the key."""
        if self.key_on_host:
            return x509_keys.load_csr(csr).public_key() if csr else None, []
        key = self.key_files.load_key(self.passphrase)
        if key is not None:
            if x509_keys.type_of(key) != self.key_type:
                raise X509Error(
                    f"The key in {self.key_files.key} is {x509_keys.type_of(key)}, and should be {self.key_type}. A key is never "
                    "overwritten unasked: move it away, or ask for the type that it has."
                )
            return key.public_key(), self.key_files.protect_key(key, self.passphrase, run.check)
        if run.check:
            return None, [f"there is no key in {self.key_files.key}"]
        key = x509_keys.generate(self.key_type)
        self.key_files.write_key(key, self.passphrase)
        return key.public_key(), [f"there is no key in {self.key_files.key}"]


def certificate_facts(certificate: Any) -> dict[str, str]:
    """Returns what a diff shows of a host certificate. All of it is public."""
    return {
        "principals": ", ".join(one.decode("utf-8", "replace") for one in certificate.valid_principals),
        "key": x509_keys.type_of(certificate.public_key()),
        "signed by": fingerprint(certificate.signature_key()),
        "not before": moment(from_epoch(certificate.valid_after)),
        "not after": moment(from_epoch(certificate.valid_before)),
        "serial": str(certificate.serial),
    }


def fingerprint(public: Any) -> str:
    """Returns the fingerprint of a public key as OpenSSH shows it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(base64.b64decode(_openssh_line(public).split()[1])).digest()).decode().rstrip("=")


def ca_fingerprint(text: bytes, where: str) -> str:
    """Returns the fingerprint of the CA in a file, or of the CA that signed the certificate in it. Raises X509Error for any other file."""
    try:
        return fingerprint(_load_certificate(text, where).signature_key())
    except X509Error:
        return fingerprint(_load_public_key(text, where))


def _openssh_line(public: Any) -> str:
    return public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode() + "\n"


def _load_public_key(text: bytes, where: str) -> Any:
    try:
        return serialization.load_ssh_public_key(text.strip())
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise X509Error(f"{where} is not a public key of OpenSSH.") from exc


def _load_certificate(text: bytes, where: str) -> Any:
    try:
        found = serialization.load_ssh_public_identity(text.strip())
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise X509Error(f"{where} is not an SSH certificate.") from exc
    if not isinstance(found, serialization.SSHCertificate):
        raise X509Error(f"{where} is not an SSH certificate.")
    return found


def _load_key(path: str, passphrase: str) -> Any:
    """Returns a private key in PEM or in OpenSSH's format; None where there is no file."""
    text = x509_store.read(path)
    if text is None or b"BEGIN OPENSSH PRIVATE KEY" not in text:
        return None if text is None else x509_keys.load(text, passphrase, path)
    # A key in OpenSSH's format may be unencrypted, so it is first read without the passphrase.
    for word in (None, passphrase.encode()):
        try:
            return serialization.load_ssh_private_key(text, word)
        except (ValueError, TypeError):
            continue
        except UnsupportedAlgorithm:
            raise X509Error(
                f"The key in {path} is encrypted in OpenSSH's format, which needs bcrypt, and the controller's Python has none. Install "
                f"it with: pip install bcrypt; or convert the key: ssh-keygen -p -m PKCS8 -f {path}"
            ) from None
    raise X509Error(f"The passphrase does not open the key in {path}, or the file is damaged.")


def _is_signed_by(certificate: Any, authority: Any) -> bool:
    try:
        certificate.verify_cert_signature()
    except InvalidSignature:
        return False
    return x509_keys.public_info(certificate.signature_key()) == x509_keys.public_info(authority)


def _mismatch(key_files: KeyAndCertificateFiles) -> str:
    return f"The key in {key_files.key} and the public key in {key_files.certificate} don't belong together."
