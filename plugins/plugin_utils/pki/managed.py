# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate for a host, and the CA on the controller that issues it: a root of ours, or one that is given."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import os
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from ansible_collections.spire.fleet.plugins.plugin_utils.formats.durations import seconds
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
    """On the controller, of this trust domain."""
    return os.path.join(os.path.expanduser(values["spire_pki_dir"]), trust_domain)


@dataclasses.dataclass(frozen=True)
class ManagedCertificate:
    """A certificate for a host, and the CA on the controller that issues it. What it is for, and its variables, are its kind's own."""

    host: str
    values: Mapping[str, Any]
    trust_domain: str

    #: the variables' names begin so; the one of this name says where keys are made
    prefix: ClassVar[str]
    #: the names of its files begin so
    name: ClassVar[str]
    #: in words
    title: ClassVar[str]
    #: and what the CA's that signs it
    issuer_title: ClassVar[str] = "root"
    #: what to do for a new root
    renewed_by: ClassVar[str] = "move it away and run once with spire_pki_new_root set to true for a new root"
    #: the fields of a CA that is given
    issuer_files: ClassVar[tuple[str, ...]] = ("certificate", "key", "bundle")
    #: whether SVIDs come below, whose chains SPIRE verifies as those of servers
    svids: ClassVar[bool] = True

    @property
    def key_on_host(self) -> bool:
        """Whether the key is made on the host and stays there."""
        return bool(self.values[self.prefix] == "host")

    @property
    def directory_name(self) -> str:
        """Whose it is."""
        return self.host

    @property
    def stored_on_host(self) -> bool:
        """Whether the host has it in files of its own."""
        return True

    @property
    def pki_dir(self) -> str:
        """On the controller, of this trust domain."""
        return directory(self.values, self.trust_domain)

    @property
    def directory(self) -> str:
        """The issuer's, which one process at a time works in."""
        return self.pki_dir

    @property
    def user_supplied(self) -> bool:
        """Whether the issuer is somebody else's CA."""
        return bool(self.values[f"{self.prefix}_issuer"])

    @property
    def rotation(self) -> rotation_state.State | None:
        """The change of roots that is under way."""
        return None

    @property
    def configured_issuer(self) -> Signer:
        """The CA that the variables name."""
        return self.signer_in(f"{self.prefix}_issuer") or rotation_state.own_root(self.directory)

    def signer_in(self, variable: str) -> Signer | None:
        """Somebody else's CA, as this variable names its files; None where it names none."""
        named = self.values[variable]
        return Signer(*(os.path.expanduser(str(named.get(name) or "")) for name in self.issuer_files)) if named else None

    @property
    def active_issuer(self) -> Signer:
        """The CA that signs: in a rotation the one whose turn it is, whatever the variables say."""
        return self.rotation.signer if self.rotation else self.configured_issuer

    @property
    def issuer_key_files(self) -> KeyAndCertificateFiles:
        """Its certificate and key."""
        return self.active_issuer.key_files

    @property
    def bundle_file(self) -> str:
        """The root, or the file with somebody else's roots."""
        return self.active_issuer.bundle

    @property
    def key_files(self) -> KeyAndCertificateFiles:
        """The host's own. A key that was born there never comes here."""
        raise NotImplementedError

    @property
    def ca_depth_below(self) -> int:
        """How many CAs come below the issuer."""
        raise NotImplementedError

    @property
    def root_request(self) -> Request:
        """A root is never renewed by itself: that of SPIRE's CAs takes the steps of a rotation."""
        return Request(
            self._subject(f"{self.prefix}_root_subject"), self.length(f"{self.prefix}_root_lifetime"), path_length=self.ca_depth_below,
            uri_domains=self._domains, key_type=self.key_type,
        )

    @property
    def request(self) -> Request:
        """What the host should have."""
        raise NotImplementedError

    @property
    def key_type(self) -> str:
        return str(self.values[f"{self.prefix}_key_type"])

    @property
    def _domains(self) -> tuple[str, ...]:
        return ()

    def _subject(self, name: str) -> str:
        return str(self.values[name]).replace("{trust_domain}", self.trust_domain).replace("{host}", self.directory_name)

    def length(self, name: str) -> datetime.timedelta:
        """A variable's duration; X509Error for what is none."""
        try:
            return datetime.timedelta(seconds=float(seconds(str(self.values[name]))))
        except (ValueError, OverflowError) as exc:
            raise X509Error('It must be a duration such as "8760h": numbers with the units h, m and s.') from exc

    @property
    def passphrase(self) -> str:
        return str(self.values["spire_pki_passphrase"] or "")

    @property
    def issuer_name(self) -> str:
        """The subject of the CA that signs, before there is one as well."""
        return self.issuer.certificate.subject.rfc4514_string() if self.issuer else self._subject(f"{self.prefix}_root_subject")

    @functools.cached_property
    def issuer(self) -> Issuer | None:
        """As it is on the controller now; None before there is a root."""
        certificates = self.issuer_key_files.certificates()
        if not certificates:
            if self.user_supplied or self.rotation:
                x509_store.must_read(self.issuer_key_files.certificate)
            return None
        bundle = x509_keys.load_certificates(x509_store.must_read(self.bundle_file), self.bundle_file)
        return Issuer(self.issuer_key_files, self.passphrase, certificates, bundle)

    @property
    def issuer_missing(self) -> bool:
        """Whether the CA is one of ours that is not there, so that a run would make it."""
        try:
            return self.issuer is None
        except X509Error:
            # preflight tells it, and no run goes on
            return False

    @property
    def readers(self) -> dict[str, Callable[[], Any]]:
        """How each file of the issuer is read, by its field in the variable; X509Error for one that makes no sense."""
        place, bundle = self.issuer_key_files, self.bundle_file
        return {
            "certificate": lambda: x509_keys.load_certificates(x509_store.must_read(place.certificate), place.certificate),
            "key": lambda: place.load_key(self.passphrase),
            "bundle": lambda: x509_keys.load_certificates(x509_store.must_read(bundle), bundle),
        }

    def unreadable(self) -> dict[str, str]:
        """Why files of a CA that is given can't be read, by their fields: of all of them, since one that is missing is mostly not alone.

        A key may be kept away, where nothing else is missing.
        """
        found = {}
        for field, read in self.readers.items():
            try:
                read()
            except X509Error as exc:
                found[field] = str(exc)
        if found and "key" not in found and x509_store.read(self.issuer_key_files.key) is None:
            found["key"] = x509_store.missing(self.issuer_key_files.key)
        return found

    def mistakes(self, now: datetime.datetime, window: datetime.timedelta = datetime.timedelta(0)) -> list[str]:
        """What is wrong with a CA that is given, in full; within the window, that it ends soon as well."""
        if not self.user_supplied or self.rotation or self.issuer is None:
            return []
        key = self.issuer_key_files.load_key(self.passphrase)
        authority = ca_check.Authority(
            self.issuer.certificates, self.issuer.bundle, self.issuer_key_files.certificate, self.bundle_file, self.issuer_key_files.key, key
        )
        domain = self.trust_domain if self.svids else ""
        return ca_check.check(authority, self.ca_depth_below, domain, now, window, serving=self.svids)

    def differences(self, now: datetime.datetime) -> list[str]:
        """Why the certificate that the controller has must be made anew, or a key there be kept better."""
        if self.issuer is None:
            return ["there is no root yet"]
        why = x509_ensure.differences(self.request, self.key_files.certificates(), None, self.issuer, Run(now))
        return [*self.insecure_root_permissions(), *self.key_files.insecure_permissions(), *why]

    def insecure_root_permissions(self) -> list[str]:
        """In what the root's key is open to others. One of somebody else's, or of a rotation, is not for a run to write."""
        return [] if self.user_supplied or self.rotation else [f"{self.issuer_title}: {text}" for text in self.issuer_key_files.insecure_permissions()]

    def due(self, now: datetime.datetime) -> list[str]:
        """Of these differences the one that only says that the time of its renewal has come."""
        certificates = self.key_files.certificates()
        return self.request.due(certificates[0], self.issuer.certificate, now) if self.issuer and certificates else []

    @property
    def public_key_hex(self) -> str:
        """What the key on the host must contain, in hex; empty before there is a certificate."""
        certificates = self.key_files.certificates()
        return x509_keys.core(certificates[0].public_key()).hex() if certificates else ""

    def files(self) -> dict[str, str]:
        """The texts of the files besides the key as the host should have them; none before they are made."""
        certificates = self.key_files.certificates()
        return {f"{self.name}_certificate": x509_keys.dump_certificates(certificates)} if certificates else {}

    def key_text(self) -> str:
        """The private key in the clear, as SPIRE reads it. A secret."""
        if self.key_on_host:
            raise X509Error(f"The key was born on {self.host} and is nowhere else.")
        key = self.key_files.load_key(self.passphrase)
        if key is None:
            raise X509Error(f"{self.key_files.key} is not there.")
        return x509_keys.dump(key).decode()

    def ensure(self, csr: str, run: Run) -> Outcome:
        """Makes the root where there is none, and the host's certificate where it is not as it should be."""
        self.must_encrypt()
        with x509_store.locked(self.directory, run.check):
            issuer, why = self.signer(run)
            if issuer is None:
                return self._unmade(why, run)
            found = (
                x509_ensure.sign(self.key_files, self.request, csr, issuer, run)
                if self.key_on_host
                else x509_ensure.ensure(self.key_files, self.request, issuer, self.passphrase, run)
            )
        found.differences = why + found.differences
        found.changed = bool(found.differences)
        return found

    def keep_issuer(self, run: Run) -> list[str]:
        """Makes the CA where there is none; what was wrong with it."""
        self.must_encrypt()
        with x509_store.locked(self.directory, run.check):
            return self.signer(run)[1]

    def must_encrypt(self) -> None:
        """X509Error where keys could not be kept."""
        if not self.passphrase:
            raise X509Error("spire_pki_passphrase is not set: the keys that are kept on the controller are encrypted with it.")

    def signer(self, run: Run) -> tuple[Issuer | None, list[str]]:
        """The CA that signs, made where there is none, and what was wrong with it; None where check mode makes none."""
        if self.rotation:
            return self._given_issuer(), []
        if self.user_supplied:
            wrong = self.mistakes(run.now)
            if wrong:
                raise X509Error("\n".join(wrong))
            return self._given_issuer(), []
        root = self._root(run)
        why = [f"{self.issuer_title}: {reason}" for reason in root.differences]
        if not root.certificates:
            return None, why
        return Issuer(self.issuer_key_files, self.passphrase, root.certificates, root.certificates), why

    def _unmade(self, why: list[str], run: Run) -> Outcome:
        """What check mode says where there is no root: nobody can sign yet."""
        if not self.key_on_host and x509_store.read(self.key_files.key) is None:
            why = [*why, f"there is no key in {self.key_files.key}"]
        certificates = self.key_files.certificates()
        before = x509_issue.facts(certificates[0]) if certificates else {}
        kind = x509_keys.type_of(certificates[0].public_key()) if certificates else str(self.request.key_type)
        after = {**x509_issue.expected(self.request, None, kind, run.now), "issuer": self.root_request.name.rfc4514_string()}
        last = "it was issued by another root" if certificates else x509_ensure.NO_CERTIFICATE
        return Outcome(True, [*why, last], before, after)

    def _given_issuer(self) -> Issuer:
        if self.issuer is None:
            raise X509Error(f"{self.issuer_key_files.certificate} can't be read: there is no such file.")
        return self.issuer

    def another_root(self, there: list[Any], run: Run) -> str:
        """That the variables ask for another root than the one that is there; empty where they don't, and where there is none."""
        why = x509_ensure.differences(self.root_request, there, None, None, run) if there else []
        if not why:
            return ""
        return (
            f"{self.issuer_key_files.certificate} is not as it should be ({'; '.join(why)}). The fleet trusts this root, so it is not replaced in "
            f"passing. Put the variables back to what it is, or {self.renewed_by}."
        )

    def _root(self, run: Run) -> Outcome:
        """Made once. One that is there and differs is left alone: the fleet trusts it."""
        wrong = self.another_root(self.issuer_key_files.certificates(), run)
        if wrong:
            raise X509Error(wrong)
        return x509_ensure.ensure(self.issuer_key_files, self.root_request, None, self.passphrase, run)
