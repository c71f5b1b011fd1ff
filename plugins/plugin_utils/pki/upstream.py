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
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.blocks import get
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import Layer, Merged
from ansible_collections.spire.fleet.plugins.plugin_utils.host.files import File
from ansible_collections.spire.fleet.plugins.plugin_utils.host.paths import Paths
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import aws_record, rotation_state
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.managed import ManagedCertificate, directory
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import model as schema_model
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.values import seconds
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import keys as x509_keys
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.ensure import Issuer
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.request import Request
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.store import KeyAndCertificateFiles

VARIABLE = "spire_pki"
#: the type of the plugins was renamed here
AUTHORITY_SINCE = Version(0, 10, 0)
#: what it is called, and was called until then
AUTHORITY_KINDS = ("UpstreamAuthority", "UpstreamCA")


@dataclasses.dataclass(frozen=True)
class InjectedOptions:
    """What a server's tree gets for its upstream CA."""

    plugin: str
    version: Version
    #: options that lead to the CA
    options: dict[str, str]
    #: options that the inventory may say otherwise
    hints: dict[str, str] = dataclasses.field(default_factory=dict)
    region: str = ""
    #: the controller's file with what it knows of the CA in AWS, which the options were read from
    record_path: str = ""

    @property
    def kind(self) -> str:
        return AUTHORITY_KINDS[self.version < AUTHORITY_SINCE]

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


def injected_options(host: str, values: Mapping[str, Any], stack: Sequence[Layer], paths: Paths, version: Version) -> InjectedOptions | None:
    """How this server's tree leads to its upstream CA; None where it has none of ours. The stack is without it."""
    way = values[VARIABLE]
    if way == "none":
        return None
    if way in aws_record.WAYS and version < AUTHORITY_SINCE:
        # told by preflight
        return None
    if way not in aws_record.WAYS:
        return InjectedOptions("disk", version, disk_options(paths))
    trees = [layer.tree for layer in stack]
    trust_domain = str(_at(trees, "server", "trust_domain") or "")
    region = str(_at(trees, "plugins", "UpstreamAuthority", way, "plugin_data", "region") or "")
    own, hints = aws_record.options(way, values, host, trust_domain, region, directory(values, trust_domain), version)
    return InjectedOptions(way, version, own, hints, region, aws_record.record_path(directory(values, trust_domain), way, host))


def _at(trees: Sequence[Any], *keys: str) -> Any:
    """What the last of these trees that says anything says at a path."""
    for tree in reversed(trees):
        found = get(tree, *keys)
        if found is not None:
            return found
    return None


def disk_options(paths: Paths) -> dict[str, str]:
    """The options of SPIRE's disk plugin."""
    return {
        "cert_file_path": paths.upstream_certificate,
        "key_file_path": paths.upstream_key,
        "bundle_file_path": paths.upstream_bundle,
    }


def host_files(paths: Paths, user: str) -> dict[str, File]:
    """Where the files go on a server, without their contents. The service alone reads its key."""
    root = "" if paths.root else "root"
    return {
        "upstream_key": File("upstream_key", paths.upstream_key, "", "0600", user, user, secret=True),
        "upstream_certificate": File("upstream_certificate", paths.upstream_certificate, "", "0644", root, root),
        "upstream_bundle": File("upstream_bundle", paths.upstream_bundle, "", "0644", root, root),
    }


def ca_ttl_text(server: Mapping[str, Any]) -> str:
    """How long a server's own CA lives, by its block of the tree and in its words, or by SPIRE's own default."""
    return str(server.get("ca_ttl") or schema_model.default("server", "ca_ttl"))


def ca_ttl(server: Mapping[str, Any]) -> datetime.timedelta:
    """The same as a length of time; ValueError for what is no duration."""
    return datetime.timedelta(seconds=float(seconds(ca_ttl_text(server))))


def upstream(host: str, values: Mapping[str, Any], trust_domain: str, merged: Merged, injected: InjectedOptions | None) -> Upstream | None:
    """The CA that this server gets from us; None when it has another one, or signs for itself."""
    if injected is None or len(injected.kept(merged)) < len(injected.options):
        return None
    return Upstream(host, values, trust_domain, injected.region)


@dataclasses.dataclass(frozen=True)
class Upstream(ManagedCertificate):
    """The CA of one server."""

    #: of AWS, where it is kept there
    region: str = ""

    prefix = VARIABLE
    name = "upstream"
    title = "the upstream CA"
    renewed_by = "run spire.fleet.rotate_upstream for a new root"

    @functools.cached_property
    def rotation(self) -> rotation_state.State | None:
        """The change of roots that is under way, as it is for this server. It ends when the variables name another CA than the old one."""
        found = rotation_state.load(self.directory)
        return None if found is None or found.over(self.configured_issuer) else found.of(self.host)

    @functools.cached_property
    def issuer(self) -> Issuer | None:
        """As it is on the controller now, with both roots while the servers learn of the new one."""
        found = super().issuer
        if found and self.rotation and self.rotation.step == rotation_state.TRUST:
            found.bundle += self.rotation.new_roots
        return found

    @property
    def storage_mode(self) -> str:
        """Where its key is made and where it goes, as the variable says."""
        return str(self.values[VARIABLE])

    @property
    def key_on_host(self) -> bool:
        """Whether the key is made where it is used and stays there."""
        return self.storage_mode in ("host", aws_record.PRIVATE_CA)

    @property
    def stored_on_host(self) -> bool:
        """Whether the server has it in files of its own."""
        return self.storage_mode not in aws_record.WAYS

    @property
    def directory_name(self) -> str:
        """A server, or AWS Private CA, which is for all servers of the trust domain."""
        return aws_record.PRIVATE_CA if self.storage_mode == aws_record.PRIVATE_CA else self.host

    @property
    def record(self) -> dict[str, Any]:
        """What the controller knows of it in AWS."""
        return aws_record.read(aws_record.record_path(self.pki_dir, self.storage_mode, self.host), self.region)

    @property
    def started_with(self) -> str:
        """What SPIRE reads at its start alone, and so must be restarted for: the versions of its secrets."""
        found = self.record if self.storage_mode == aws_record.SECRETS else {}
        return " ".join(str(found.get(what, {}).get("version") or "none") for what in aws_record.FILES) if found else ""

    @property
    def key_files(self) -> KeyAndCertificateFiles:
        """The server's own. A key that was born there never comes here."""
        base = os.path.join(self.pki_dir, "servers", self.directory_name, "upstream")
        return KeyAndCertificateFiles(f"{base}.pem", "" if self.key_on_host else f"{base}.key")

    @property
    def ca_depth_below(self) -> int:
        return self.path_length + 1

    @property
    def request(self) -> Request:
        """The server's intermediate."""
        lent = self.rotation.intermediate_key_id if self.rotation else None
        return Request(
            self._subject("spire_pki_ca_subject"), self.length("spire_pki_ca_lifetime"), path_length=self.path_length,
            uri_domains=self._domains, key_type=self.key_type, key_id=lent,
            renew_before=self.length("spire_pki_renew_before"),
            # one that a root on its way out signs is replaced within the rotation
            may_be_short=bool(lent),
        )

    @property
    def key_id(self) -> str:
        """What a CA that the server's intermediate signed names as its issuer's subject key ID, in hex."""
        certificates = self.key_files.certificates()
        return rotation_state.key_id(certificates[0]) if certificates else ""

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
