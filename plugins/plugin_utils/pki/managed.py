# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates for hosts that the collection keeps up to date, and the CA on the controller that issues them: our own root or the user's CA."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import os
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from ansible_collections.spire.fleet.plugins.plugin_utils.formats.durations import length
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import rotation_state
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.rotation_state import Signer
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import (
    ca_check, ensure as x509_ensure, issue as x509_issue, keys as x509_keys, store as x509_store,
)
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.ensure import Issuer, Outcome, Run
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.request import Request
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.store import KeyAndCertificateFiles


def directory(values: Mapping[str, Any], trust_domain: str) -> str:
    """Returns the directory on the controller for a trust domain."""
    return os.path.join(os.path.expanduser(values["spire_pki_dir"]), trust_domain)


@dataclasses.dataclass(frozen=True)
class ManagedCertificate:
    """A certificate for a host and its issuer on the controller. Subclasses define its purpose and its variables."""

    host: str
    values: Mapping[str, Any]
    trust_domain: str

    #: prefix of the variables; the variable without a suffix tells where keys are made
    prefix: ClassVar[str]
    #: prefix of the names of its files
    name: ClassVar[str]
    #: its name in messages
    title: ClassVar[str]
    #: the name of its issuer in messages
    issuer_title: ClassVar[str] = "root"
    #: how to get a new root, for a message
    renewed_by: ClassVar[str] = "move it away and run once with spire_pki_new_root set to true for a new root"
    #: the fields of the variable for the user's own CA
    issuer_files: ClassVar[tuple[str, ...]] = ("certificate", "key", "bundle")
    #: whether the issuer signs SVIDs, whose chains SPIRE verifies as those of TLS servers
    signs_svids: ClassVar[bool] = True

    @property
    def key_on_host(self) -> bool:
        """Whether the key is made on the host and stays there."""
        return bool(self.values[self.prefix] == "host")

    @property
    def directory_name(self) -> str:
        """Directory name of the certificate: the host, or `aws_pca` for a shared CA."""
        return self.host

    @property
    def stored_on_host(self) -> bool:
        """Whether the certificate is in files on the host."""
        return True

    @property
    def pki_dir(self) -> str:
        """The directory on the controller for the trust domain."""
        return directory(self.values, self.trust_domain)

    @property
    def directory(self) -> str:
        """The issuer's directory, in which only one process at a time may work."""
        return self.pki_dir

    @property
    def user_supplied(self) -> bool:
        """Whether the issuer is the user's own CA."""
        return bool(self.values[f"{self.prefix}_issuer"])

    @property
    def rotation(self) -> rotation_state.State | None:
        """The rotation of the root that is in progress; None where there is none."""
        return None

    @property
    def configured_issuer(self) -> Signer:
        """The CA that the variables name, or the collection's own root."""
        return self.issuer_from_variable(f"{self.prefix}_issuer") or rotation_state.own_root(self.directory)

    def issuer_from_variable(self, variable: str) -> Signer | None:
        """Returns the user's own CA in this variable; None where it is not set."""
        files = self.values[variable]
        return Signer(*(os.path.expanduser(str(files.get(name) or "")) for name in self.issuer_files)) if files else None

    @property
    def active_issuer(self) -> Signer:
        """The CA that signs now. In a rotation it is the CA of the current step, whatever the variables name."""
        return self.rotation.signer if self.rotation else self.configured_issuer

    @property
    def issuer_key_files(self) -> KeyAndCertificateFiles:
        """The issuer's certificate and key."""
        return self.active_issuer.key_files

    @property
    def bundle_file(self) -> str:
        """The file with the collection's own root, or with the roots of the user's own CA."""
        return self.active_issuer.bundle

    @property
    def key_files(self) -> KeyAndCertificateFiles:
        """The files of the host's certificate on the controller. A key that was made on the host is not among them."""
        raise NotImplementedError

    @property
    def ca_depth_below(self) -> int:
        """How many CAs come below the issuer."""
        raise NotImplementedError

    @property
    def root_request(self) -> Request:
        """The root that should exist. It is not renewed automatically: replacing the root of SPIRE's CAs takes a rotation."""
        return Request(
            self._subject(f"{self.prefix}_root_subject"), self.duration(f"{self.prefix}_root_lifetime"), path_length=self.ca_depth_below,
            uri_domains=self._domains, key_type=self.key_type,
        )

    @property
    def request(self) -> Request:
        """The certificate that the host should have."""
        raise NotImplementedError

    @property
    def key_type(self) -> str:
        """The type that keys should have."""
        return str(self.values[f"{self.prefix}_key_type"])

    @property
    def _domains(self) -> tuple[str, ...]:
        return ()

    def _subject(self, name: str) -> str:
        return str(self.values[name]).replace("{trust_domain}", self.trust_domain).replace("{host}", self.directory_name)

    def duration(self, name: str) -> datetime.timedelta:
        """Returns the duration in a variable. Raises X509Error where it is not valid."""
        try:
            return length(str(self.values[name]))
        except (ValueError, OverflowError) as exc:
            raise X509Error('It must be a duration such as "8760h": numbers with the units h, m and s.') from exc

    @property
    def passphrase(self) -> str:
        """The passphrase of keys on the controller; empty where it is not set."""
        return str(self.values["spire_pki_passphrase"] or "")

    @property
    def issuer_name(self) -> str:
        """The subject of the issuer, also before there is one."""
        return self.issuer.certificate.subject.rfc4514_string() if self.issuer else self._subject(f"{self.prefix}_root_subject")

    @functools.cached_property
    def issuer(self) -> Issuer | None:
        """The issuer as it is on the controller now; None before there is a root."""
        certificates = self.issuer_key_files.certificates()
        if not certificates:
            if self.user_supplied or self.rotation:
                x509_store.must_read(self.issuer_key_files.certificate)
            return None
        bundle = x509_keys.load_certificates(x509_store.must_read(self.bundle_file), self.bundle_file)
        return Issuer(self.issuer_key_files, self.passphrase, certificates, bundle)

    @property
    def issuer_missing(self) -> bool:
        """Whether the issuer is a CA of the collection that does not exist yet, so that a run would make it."""
        try:
            return self.issuer is None
        except X509Error:
            # Preflight reports a wrong variable, and stops the run.
            return False

    @property
    def file_readers(self) -> dict[str, Callable[[], Any]]:
        """Functions that read the issuer's files, by the field of the variable. They raise X509Error for a file that can't be used."""
        key_files, bundle = self.issuer_key_files, self.bundle_file
        return {
            "certificate": lambda: x509_keys.load_certificates(x509_store.must_read(key_files.certificate), key_files.certificate),
            "key": lambda: key_files.load_key(self.passphrase),
            "bundle": lambda: x509_keys.load_certificates(x509_store.must_read(bundle), bundle),
        }

    def unreadable_files(self) -> dict[str, str]:
        """Returns why files of the user's own CA can't be read, by the field of the variable. All files are reported at once.

        A missing key is no problem as long as the other files can be read: it may be kept elsewhere.
        """
        found = {}
        for field, read in self.file_readers.items():
            try:
                read()
            except X509Error as exc:
                found[field] = str(exc)
        if found and "key" not in found and x509_store.read(self.issuer_key_files.key) is None:
            found["key"] = x509_store.missing_file_message(self.issuer_key_files.key)
        return found

    def issuer_problems(self, now: datetime.datetime, window: datetime.timedelta = datetime.timedelta(0)) -> list[str]:
        """Returns everything that is wrong with the user's own CA, also that it expires within ``window``."""
        if not self.user_supplied or self.rotation or self.issuer is None:
            return []
        files = self.issuer_key_files
        key = files.load_key(self.passphrase)
        authority = ca_check.Authority(self.issuer.certificates, self.issuer.bundle, files.certificate, self.bundle_file, files.key, key)
        domain = self.trust_domain if self.signs_svids else ""
        return ca_check.check(authority, self.ca_depth_below, domain, now, window, for_servers=self.signs_svids)

    def differences(self, now: datetime.datetime) -> list[str]:
        """Returns why the certificate on the controller must be replaced, or a key there must be protected better."""
        if self.issuer is None:
            return ["there is no root yet"]
        why = x509_ensure.differences(self.request, self.key_files.certificates(), None, self.issuer, Run(now))
        return [*self.insecure_root_permissions(), *self.key_files.insecure_permissions(), *why]

    def insecure_root_permissions(self) -> list[str]:
        """Lists insecure permissions or missing encryption of our root key; empty for user-supplied roots and during a rotation."""
        if self.user_supplied or self.rotation:
            return []
        return [f"{self.issuer_title}: {text}" for text in self.issuer_key_files.insecure_permissions()]

    def renewal_due(self, now: datetime.datetime) -> list[str]:
        """Returns the difference that only means renewal is due."""
        certificates = self.key_files.certificates()
        return self.request.renewal_due(certificates[0], self.issuer.certificate, now) if self.issuer and certificates else []

    @property
    def public_key_hex(self) -> str:
        """The bytes that the key file on the host must contain, in hex; empty before there is a certificate."""
        certificates = self.key_files.certificates()
        return x509_keys.public_key_bytes(certificates[0].public_key()).hex() if certificates else ""

    def files(self) -> dict[str, str]:
        """Returns the texts that the files on the host should have, apart from the key; none before there is a certificate."""
        certificates = self.key_files.certificates()
        return {f"{self.name}_certificate": x509_keys.dump_certificates(certificates)} if certificates else {}

    def key_text(self) -> str:
        """Returns the private key unencrypted, as SPIRE reads it. It is a secret."""
        if self.key_on_host:
            raise X509Error(f"The key was made on {self.host} and is nowhere else.")
        key = self.key_files.load_key(self.passphrase)
        if key is None:
            raise X509Error(f"{self.key_files.key} is not there.")
        return x509_keys.dump(key).decode()

    def ensure(self, csr: str, run: Run) -> Outcome:
        """Makes the root if there is none, and replaces the host's certificate if it differs from the request."""
        self.require_passphrase()
        with x509_store.locked(self.directory, run.check):
            issuer, why = self.make_issuer(run)
            if issuer is None:
                return self._outcome_without_issuer(why, run)
            found = (
                x509_ensure.sign(self.key_files, self.request, csr, issuer, run)
                if self.key_on_host
                else x509_ensure.ensure(self.key_files, self.request, issuer, self.passphrase, run)
            )
        found.differences = why + found.differences
        found.changed = bool(found.differences)
        return found

    def ensure_issuer(self, run: Run) -> list[str]:
        """Makes the issuer if there is none. Returns what was wrong with it."""
        self.require_passphrase()
        with x509_store.locked(self.directory, run.check):
            return self.make_issuer(run)[1]

    def require_passphrase(self) -> None:
        """Raises X509Error where no passphrase is set, so that keys could not be encrypted."""
        if not self.passphrase:
            raise X509Error("spire_pki_passphrase is not set: keys on the controller are encrypted with it.")

    def make_issuer(self, run: Run) -> tuple[Issuer | None, list[str]]:
        """Returns the issuer, made if there was none, and what was wrong with it; None where check mode makes none."""
        if self.rotation or self.user_supplied:
            problems = self.issuer_problems(run.now)
            if problems:
                raise X509Error("\n".join(problems))
            return self.issuer, []
        root = self._ensure_root(run)
        why = [f"{self.issuer_title}: {reason}" for reason in root.differences]
        if not root.certificates:
            return None, why
        return Issuer(self.issuer_key_files, self.passphrase, root.certificates, root.certificates), why

    def _outcome_without_issuer(self, why: list[str], run: Run) -> Outcome:
        """Returns what check mode reports where there is no root, so that nothing can be signed."""
        if not self.key_on_host and x509_store.read(self.key_files.key) is None:
            why = [*why, f"there is no key in {self.key_files.key}"]
        certificates = self.key_files.certificates()
        before = x509_issue.facts(certificates[0]) if certificates else {}
        kind = x509_keys.type_of(certificates[0].public_key()) if certificates else str(self.request.key_type)
        after = {**x509_issue.expected_facts(self.request, None, kind, run.now), "issuer": self.root_request.name.rfc4514_string()}
        last = "it was issued by another root" if certificates else x509_ensure.NO_CERTIFICATE
        return Outcome(True, [*why, last], before, after)

    def root_mismatch(self, there: list[Any], run: Run) -> str:
        """Returns the message that the variables ask for a different root than the existing one; empty where they don't."""
        why = x509_ensure.differences(self.root_request, there, None, None, run) if there else []
        if not why:
            return ""
        return (
            f"{self.issuer_key_files.certificate} differs from the variables ({'; '.join(why)}). The fleet trusts this root, so a normal "
            f"run does not replace it. Set the variables to what the root has, or {self.renewed_by}."
        )

    def _ensure_root(self, run: Run) -> Outcome:
        """Makes the root if there is none. An existing one that differs raises X509Error: the fleet trusts it."""
        problems = self.root_mismatch(self.issuer_key_files.certificates(), run)
        if problems:
            raise X509Error(problems)
        return x509_ensure.ensure(self.issuer_key_files, self.root_request, None, self.passphrase, run)
