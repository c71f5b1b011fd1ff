# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CA above a server's own: a root on the controller, or one that is given, and an intermediate for each server.

The intermediate's key is made on the controller and delivered, to the server or to AWS Secrets Manager; or it is born on the server, or
in AWS Private CA, and a signing request is sent.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import os
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from ansible_collections.spire.fleet.plugins.plugin_utils import (
    pki_aws, rotation, x509_authority, x509_check, x509_files, x509_keys, x509_make,
)
from ansible_collections.spire.fleet.plugins.plugin_utils.host_files import File
from ansible_collections.spire.fleet.plugins.plugin_utils.paths import Paths
from ansible_collections.spire.fleet.plugins.plugin_utils.rotation import Signer
from ansible_collections.spire.fleet.plugins.plugin_utils.schema_values import seconds
from ansible_collections.spire.fleet.plugins.plugin_utils.tree import Layer, Merged
from ansible_collections.spire.fleet.plugins.plugin_utils.versions import Version
from ansible_collections.spire.fleet.plugins.plugin_utils.x509_authority import Issuer, Outcome, Run
from ansible_collections.spire.fleet.plugins.plugin_utils.x509_files import Place
from ansible_collections.spire.fleet.plugins.plugin_utils.x509_keys import X509Error
from ansible_collections.spire.fleet.plugins.plugin_utils.x509_request import Request

VARIABLE = "spire_pki"
#: the type of the plugins was renamed here
AUTHORITY_SINCE = Version(0, 10, 0)
#: SPIRE's own default
CA_TTL = "24h"


@dataclasses.dataclass(frozen=True)
class Wiring:
    """What a server's tree gets for its upstream CA."""

    plugin: str
    version: Version
    #: options that lead to the CA
    options: dict[str, str]
    #: options that the inventory may say otherwise
    hints: dict[str, str] = dataclasses.field(default_factory=dict)
    region: str = ""

    @property
    def kind(self) -> str:
        return "UpstreamAuthority" if self.version >= AUTHORITY_SINCE else "UpstreamCA"

    @property
    def path(self) -> str:
        """Of its options in the tree."""
        return f"plugins.{self.kind}.{self.plugin}.plugin_data"

    def layer(self) -> Layer:
        """Between the built-in defaults and the inventory's layers, which may name another authority."""
        tree: dict[str, Any] = {"plugins": {self.kind: {self.plugin: {"plugin_data": {**self.options, **self.hints}}}}}
        if self.version < AUTHORITY_SINCE:
            # until then the bundle was the servers' own CAs unless this was said
            tree["server"] = {"upstream_bundle": True}
        return Layer(VARIABLE, tree)

    def kept(self, merged: Merged) -> list[str]:
        """The options that lead to the CA and are as they were set here: all, some, or none of them."""
        given = _at([merged.tree], "plugins", self.kind, self.plugin, "plugin_data")
        return [name for name, value in self.options.items() if isinstance(given, dict) and given.get(name) == value]


def wiring(host: str, values: Mapping[str, Any], stack: Sequence[Layer], paths: Paths, version: Version) -> Wiring | None:
    """How this server's tree leads to its upstream CA; None where it has none of ours. The stack is without it."""
    way = values[VARIABLE]
    if way == "none":
        return None
    if way in pki_aws.WAYS and version < AUTHORITY_SINCE:
        # told by preflight
        return None
    if way not in pki_aws.WAYS:
        return Wiring("disk", version, disk_options(paths))
    trees = [layer.tree for layer in stack]
    trust_domain = str(_at(trees, "server", "trust_domain") or "")
    region = str(_at(trees, "plugins", "UpstreamAuthority", way, "plugin_data", "region") or "")
    own, hints = pki_aws.options(way, values, host, trust_domain, region, directory(values, trust_domain), version)
    return Wiring(way, version, own, hints, region)


def _at(trees: Sequence[Any], *keys: str) -> Any:
    """What the last of these trees that says anything says at a path."""
    for tree in reversed(trees):
        for key in keys:
            tree = tree.get(key) if isinstance(tree, Mapping) else None
        if tree is not None:
            return tree
    return None


def disk_options(paths: Paths) -> dict[str, str]:
    """The options of SPIRE's disk plugin."""
    return {
        "cert_file_path": paths.upstream_certificate,
        "key_file_path": paths.upstream_key,
        "bundle_file_path": paths.upstream_bundle,
    }


def directory(values: Mapping[str, Any], trust_domain: str) -> str:
    """On the controller, of this trust domain."""
    return os.path.join(os.path.expanduser(values["spire_pki_dir"]), trust_domain)


def host_files(paths: Paths, user: str) -> dict[str, File]:
    """Where the files go on a server, without their contents. The service alone reads its key."""
    root = "" if paths.root else "root"
    return {
        "upstream_key": File("upstream_key", paths.upstream_key, "", "0600", user, user, secret=True),
        "upstream_certificate": File("upstream_certificate", paths.upstream_certificate, "", "0644", root, root),
        "upstream_bundle": File("upstream_bundle", paths.upstream_bundle, "", "0644", root, root),
    }


def ca_ttl(server: Mapping[str, Any]) -> datetime.timedelta:
    """How long a server's own CA lives, by its block of the tree; ValueError for what is no duration."""
    return datetime.timedelta(seconds=float(seconds(str(server.get("ca_ttl") or CA_TTL))))


def upstream(host: str, values: Mapping[str, Any], trust_domain: str, merged: Merged, wired: Wiring | None) -> Upstream | None:
    """The CA that this server gets from us; None when it has another one, or signs for itself."""
    if wired is None or len(wired.kept(merged)) < len(wired.options):
        return None
    return Upstream(host, values, trust_domain, wired.region)


@dataclasses.dataclass(frozen=True)
class Issued:
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
    #: what to do for a new root
    renewed_by: ClassVar[str] = "move it away for a new root"
    #: the fields of a CA that is given
    issuer_files: ClassVar[tuple[str, ...]] = ("certificate", "key", "bundle")
    #: whether SVIDs come below, whose chains SPIRE verifies as those of servers
    svids: ClassVar[bool] = True

    @property
    def born(self) -> bool:
        """Whether the key is made on the host and stays there."""
        return bool(self.values[self.prefix] == "host")

    @property
    def owner(self) -> str:
        """Whose it is."""
        return self.host

    @property
    def delivered(self) -> bool:
        """Whether the host has it in files of its own."""
        return True

    @property
    def home(self) -> str:
        """On the controller, of this trust domain."""
        return directory(self.values, self.trust_domain)

    @property
    def directory(self) -> str:
        """The issuer's, which one process at a time works in."""
        return self.home

    @property
    def given(self) -> bool:
        """Whether the issuer is somebody else's CA."""
        return bool(self.values[f"{self.prefix}_issuer"])

    @property
    def rotation(self) -> rotation.State | None:
        """The change of roots that is under way."""
        return None

    @property
    def named(self) -> Signer:
        """The CA that the variables name."""
        return self.signer_in(f"{self.prefix}_issuer") or rotation.own_root(self.directory)

    def signer_in(self, variable: str) -> Signer | None:
        """Somebody else's CA, as this variable names its files; None where it names none."""
        named = self.values[variable]
        return Signer(*(os.path.expanduser(str(named.get(name) or "")) for name in self.issuer_files)) if named else None

    @property
    def signs(self) -> Signer:
        """The CA that signs: in a rotation the one whose turn it is, whatever the variables say."""
        return self.rotation.signer if self.rotation else self.named

    @property
    def issuer_place(self) -> Place:
        """Its certificate and key."""
        return self.signs.place

    @property
    def bundle_file(self) -> str:
        """The root, or the file with somebody else's roots."""
        return self.signs.bundle

    @property
    def place(self) -> Place:
        """The host's own. A key that was born there never comes here."""
        raise NotImplementedError

    @property
    def below(self) -> int:
        """How many CAs come below the issuer."""
        raise NotImplementedError

    @property
    def root_request(self) -> Request:
        """A root is never renewed by itself: that of SPIRE's CAs takes the steps of a rotation."""
        return Request(
            self._subject(f"{self.prefix}_root_subject"), self.length(f"{self.prefix}_root_lifetime"), path_length=self.below,
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
        return str(self.values[name]).replace("{trust_domain}", self.trust_domain).replace("{host}", self.owner)

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
        certificates = self.issuer_place.certificates()
        if not certificates:
            if self.given or self.rotation:
                x509_files.must_read(self.issuer_place.certificate)
            return None
        bundle = x509_keys.load_certificates(x509_files.must_read(self.bundle_file), self.bundle_file)
        return Issuer(self.issuer_place, self.passphrase, certificates, bundle)

    def mistakes(self, now: datetime.datetime, window: datetime.timedelta = datetime.timedelta(0)) -> list[str]:
        """What is wrong with a CA that is given, in full; within the window, that it ends soon as well."""
        if not self.given or self.rotation or self.issuer is None:
            return []
        key = self.issuer_place.load_key(self.passphrase)
        authority = x509_check.Authority(
            self.issuer.certificates, self.issuer.bundle, self.issuer_place.certificate, self.bundle_file, self.issuer_place.key, key
        )
        domain = self.trust_domain if self.svids else ""
        return x509_check.check(authority, self.below, domain, now, window, serving=self.svids)

    def differences(self, now: datetime.datetime) -> list[str]:
        """Why the certificate that the controller has must be made anew, or a key there be kept better."""
        if self.issuer is None:
            return ["there is no root yet"]
        why = x509_authority.differences(self.request, self.place.certificates(), None, self.issuer, Run(now))
        return [*self.open_root(), *self.place.exposed(), *why]

    def open_root(self) -> list[str]:
        """In what the root's key is open to others. One of somebody else's, or of a rotation, is not for a run to write."""
        return [] if self.given or self.rotation else [f"root: {text}" for text in self.issuer_place.exposed()]

    def due(self, now: datetime.datetime) -> list[str]:
        """Of these differences the one that only says that the time of its renewal has come."""
        certificates = self.place.certificates()
        return self.request.due(certificates[0], self.issuer.certificate, now) if self.issuer and certificates else []

    @property
    def public(self) -> str:
        """What the key on the host must contain, in hex; empty before there is a certificate."""
        certificates = self.place.certificates()
        return x509_keys.core(certificates[0].public_key()).hex() if certificates else ""

    def files(self) -> dict[str, str]:
        """The texts of the files besides the key as the host should have them; none before they are made."""
        certificates = self.place.certificates()
        return {f"{self.name}_certificate": x509_keys.dump_certificates(certificates)} if certificates else {}

    def key_text(self) -> str:
        """The private key in the clear, as SPIRE reads it. A secret."""
        if self.born:
            raise X509Error(f"The key was born on {self.host} and is nowhere else.")
        key = self.place.load_key(self.passphrase)
        if key is None:
            raise X509Error(f"{self.place.key} is not there.")
        return x509_keys.dump(key).decode()

    def ensure(self, csr: str, run: Run) -> Outcome:
        """Makes the root where there is none, and the host's certificate where it is not as it should be."""
        self.must_encrypt()
        with x509_files.locked(self.directory, run.check):
            issuer, why = self.signer(run)
            if issuer is None:
                return self._unmade(why, run)
            found = (
                x509_authority.sign(self.place, self.request, csr, issuer, run)
                if self.born
                else x509_authority.ensure(self.place, self.request, issuer, self.passphrase, run)
            )
        found.differences = why + found.differences
        found.changed = bool(found.differences)
        return found

    def keep_issuer(self, run: Run) -> list[str]:
        """Makes the CA where there is none; what was wrong with it."""
        self.must_encrypt()
        with x509_files.locked(self.directory, run.check):
            return self.signer(run)[1]

    def must_encrypt(self) -> None:
        """X509Error where keys could not be kept."""
        if not self.passphrase:
            raise X509Error("spire_pki_passphrase is not set: the keys that are kept on the controller are encrypted with it.")

    def signer(self, run: Run) -> tuple[Issuer | None, list[str]]:
        """The CA that signs, made where there is none, and what was wrong with it; None where check mode makes none."""
        if self.rotation:
            return self._given_issuer(), []
        if self.given:
            wrong = self.mistakes(run.now)
            if wrong:
                raise X509Error("\n".join(wrong))
            return self._given_issuer(), []
        root = self._root(run)
        why = [f"root: {reason}" for reason in root.differences]
        if not root.certificates:
            return None, why
        return Issuer(self.issuer_place, self.passphrase, root.certificates, root.certificates), why

    def _unmade(self, why: list[str], run: Run) -> Outcome:
        """What check mode says where there is no root: nobody can sign yet."""
        if not self.born and x509_files.read(self.place.key) is None:
            why = [*why, f"there is no key in {self.place.key}"]
        certificates = self.place.certificates()
        before = x509_make.facts(certificates[0]) if certificates else {}
        kind = x509_keys.type_of(certificates[0].public_key()) if certificates else str(self.request.key_type)
        after = {**x509_make.expected(self.request, None, kind, run.now), "issuer": self.root_request.name.rfc4514_string()}
        last = "it was issued by another root" if certificates else x509_authority.NO_CERTIFICATE
        return Outcome(True, [*why, last], before, after)

    def _given_issuer(self) -> Issuer:
        if self.issuer is None:
            raise X509Error(f"{self.issuer_place.certificate} can't be read: there is no such file.")
        return self.issuer

    def _root(self, run: Run) -> Outcome:
        """Made once. One that is there and differs is left alone: the fleet trusts it."""
        there = self.issuer_place.certificates()
        if there:
            why = x509_authority.differences(self.root_request, there, None, None, run)
            if why:
                raise X509Error(
                    f"{self.issuer_place.certificate} is not as it should be ({'; '.join(why)}). The fleet trusts this root, so it is "
                    f"not replaced in passing. Put the variables back to what it is, or {self.renewed_by}."
                )
        return x509_authority.ensure(self.issuer_place, self.root_request, None, self.passphrase, run)


@dataclasses.dataclass(frozen=True)
class Upstream(Issued):
    """The CA of one server."""

    #: of AWS, where it is kept there
    region: str = ""

    prefix = VARIABLE
    name = "upstream"
    title = "the upstream CA"
    renewed_by = "run spire.fleet.rotate_upstream for a new root"

    @functools.cached_property
    def rotation(self) -> rotation.State | None:
        """The change of roots that is under way."""
        return rotation.load(self.directory)

    @functools.cached_property
    def issuer(self) -> Issuer | None:
        """As it is on the controller now, with both roots while the servers learn of the new one."""
        found = super().issuer
        if found and self.rotation and self.rotation.step == rotation.TRUST:
            found.bundle += self.rotation.new_roots
        return found

    @property
    def way(self) -> str:
        """Where its key is made and where it goes, as the variable says."""
        return str(self.values[VARIABLE])

    @property
    def born(self) -> bool:
        """Whether the key is made where it is used and stays there."""
        return self.way in ("host", pki_aws.PRIVATE_CA)

    @property
    def delivered(self) -> bool:
        """Whether the server has it in files of its own."""
        return self.way not in pki_aws.WAYS

    @property
    def owner(self) -> str:
        """A server, or AWS Private CA, which is for all servers of the trust domain."""
        return pki_aws.PRIVATE_CA if self.way == pki_aws.PRIVATE_CA else self.host

    @property
    def record(self) -> dict[str, Any]:
        """What the controller knows of it in AWS."""
        return pki_aws.read(pki_aws.record_path(self.home, self.way, self.host), self.region)

    @property
    def started_with(self) -> str:
        """What SPIRE reads at its start alone, and so must be restarted for: the versions of its secrets."""
        found = self.record if self.way == pki_aws.SECRETS else {}
        return " ".join(str(found.get(what, {}).get("version") or "none") for what in pki_aws.FILES) if found else ""

    @property
    def place(self) -> Place:
        """The server's own. A key that was born there never comes here."""
        base = os.path.join(self.home, "servers", self.owner, "upstream")
        return Place(f"{base}.pem", "" if self.born else f"{base}.key")

    @property
    def below(self) -> int:
        return self.path_length + 1

    @property
    def request(self) -> Request:
        """The server's intermediate."""
        lent = self.rotation.intermediate_key_id if self.rotation else None
        return Request(
            self._subject("spire_pki_ca_subject"), self.length("spire_pki_ca_lifetime"), path_length=self.path_length,
            uri_domains=self._domains, key_type=self.key_type, key_id=lent,
            # one that a root on its way out signs is replaced within the rotation
            renew_before=datetime.timedelta(0) if lent else self.length("spire_pki_renew_before"),
        )

    @property
    def key_id(self) -> str:
        """What a CA that the server's intermediate signed names as its issuer's subject key ID, in hex."""
        certificates = self.place.certificates()
        return rotation.key_id(certificates[0]) if certificates else ""

    @property
    def path_length(self) -> int:
        return int(self.values["spire_pki_path_length"])

    @property
    def _domains(self) -> tuple[str, ...]:
        return (self.trust_domain,) if self.values["spire_pki_name_constraints"] else ()

    def files(self) -> dict[str, str]:
        """The texts of the chain and the bundle as the server should have them; none before they are made."""
        found = super().files()
        if not found or self.issuer is None:
            return {}
        return {**found, "upstream_bundle": x509_keys.dump_certificates(self.issuer.bundle)}
