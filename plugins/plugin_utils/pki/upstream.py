# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CA above a server's own CA: an intermediate for each server, and the root on the controller, ours or the user's own.

The intermediate's key is made on the controller and copied to the server or to AWS Secrets Manager, or it is made on the server or in
AWS Private CA, which then send a signing request.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import os
from collections.abc import Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import Merged
from ansible_collections.spire.fleet.plugins.plugin_utils.formats.durations import length
from ansible_collections.spire.fleet.plugins.plugin_utils.host.files import File
from ansible_collections.spire.fleet.plugins.plugin_utils.host.paths import Paths
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import aws_record, rotation_state
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.managed import ManagedCertificate
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.plugin_options import InjectedOptions, VARIABLE
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import model as schema_model
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import keys as x509_keys
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.ensure import Issuer
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.request import Request
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.store import KeyAndCertificateFiles


def host_files(paths: Paths, user: str) -> dict[str, File]:
    """Returns the files on a server, without their contents. Only the service reads its key."""
    return {
        "upstream_key": File("upstream_key", paths.upstream_key, "", "0600", user, user, secret=True),
        "upstream_certificate": File("upstream_certificate", paths.upstream_certificate, "", "0644", paths.owner, paths.owner),
        "upstream_bundle": File("upstream_bundle", paths.upstream_bundle, "", "0644", paths.owner, paths.owner),
    }


def ca_ttl_text(server: Mapping[str, Any]) -> str:
    """Returns how long a server's own CA is valid, as the tree has it, or SPIRE's default."""
    return str(server.get("ca_ttl") or schema_model.default("server", "ca_ttl"))


def ca_ttl(server: Mapping[str, Any]) -> datetime.timedelta:
    """Returns how long a server's own CA is valid. Raises ValueError where that is not a duration."""
    return length(ca_ttl_text(server))


def upstream(host: str, values: Mapping[str, Any], trust_domain: str, merged: Merged, injected: InjectedOptions | None) -> Upstream | None:
    """Returns the upstream CA that a server gets from this collection; None where its tree names another one, or none."""
    if injected is None or len(injected.unchanged(merged)) < len(injected.options):
        return None
    return Upstream(host, values, trust_domain, injected.region)


@dataclasses.dataclass(frozen=True)
class Upstream(ManagedCertificate):
    """The upstream CA of one server."""

    #: the AWS region, where it is stored in AWS
    region: str = ""

    prefix = VARIABLE
    name = "upstream"
    title = "the upstream CA"
    renewed_by = "run spire.fleet.rotate_upstream for a new root"

    @functools.cached_property
    def rotation(self) -> rotation_state.State | None:
        """The rotation of the root that is in progress, as it is for this server. It ends when the variables no longer name the old CA."""
        found = rotation_state.load(self.directory)
        return None if found is None or found.is_over(self.configured_issuer) else found.for_server(self.host)

    @functools.cached_property
    def issuer(self) -> Issuer | None:
        """The issuer as it is on the controller now. In the step TRUST of a rotation its bundle has both roots."""
        found = super().issuer
        if found and self.rotation and self.rotation.step == rotation_state.TRUST:
            found.bundle += self.rotation.new_roots
        return found

    @property
    def storage_mode(self) -> str:
        """The value of spire_pki: where the key is made, and where the CA is stored."""
        return str(self.values[VARIABLE])

    @property
    def key_on_host(self) -> bool:
        """Whether the key is made where it is used, and stays there."""
        return self.storage_mode in ("host", aws_record.PRIVATE_CA)

    @property
    def stored_on_host(self) -> bool:
        """Whether the CA is in files on the server."""
        return self.storage_mode not in aws_record.AWS_MODES

    @property
    def directory_name(self) -> str:
        """Directory name of the certificate: the server, or `aws_pca` for the CA in AWS Private CA that all servers share."""
        return aws_record.PRIVATE_CA if self.storage_mode == aws_record.PRIVATE_CA else self.host

    @property
    def record_path(self) -> str:
        """The path of the controller's record of the CA in AWS."""
        return aws_record.record_path(self.pki_dir, self.storage_mode, self.host)

    @property
    def record(self) -> dict[str, Any]:
        """The controller's record of the CA in AWS."""
        return aws_record.read(self.record_path, self.region)

    @property
    def started_with(self) -> str:
        """The versions of the secrets. SPIRE reads them only when it starts, so it must be restarted when they change."""
        found = self.record if self.storage_mode == aws_record.SECRETS else {}
        return " ".join(str(found.get(what, {}).get("version") or "none") for what in aws_record.FILES) if found else ""

    @property
    def key_files(self) -> KeyAndCertificateFiles:
        """The files of the intermediate on the controller. A key that was made on the server is not among them."""
        base = os.path.join(self.pki_dir, "servers", self.directory_name, "upstream")
        return KeyAndCertificateFiles(f"{base}.pem", "" if self.key_on_host else f"{base}.key")

    @property
    def ca_depth_below(self) -> int:
        return self.path_length + 1

    @property
    def request(self) -> Request:
        """The intermediate that the server should have."""
        borrowed_key_id = self.rotation.intermediate_key_id if self.rotation else None
        return Request(
            self._subject("spire_pki_ca_subject"), self.duration("spire_pki_ca_lifetime"), path_length=self.path_length,
            uri_domains=self._domains, key_type=self.key_type, key_id=borrowed_key_id,
            renew_before=self.duration("spire_pki_renew_before"),
            # An intermediate under the old root may outlive it, because the rotation replaces the intermediate before it ends.
            issuer_may_expire=bool(borrowed_key_id),
        )

    @property
    def key_id(self) -> str:
        """The authority key ID, in hex, of a CA that the server's intermediate signed."""
        certificates = self.key_files.certificates()
        return rotation_state.key_id(certificates[0]) if certificates else ""

    @property
    def path_length(self) -> int:
        return int(self.values["spire_pki_path_length"])

    @property
    def _domains(self) -> tuple[str, ...]:
        return (self.trust_domain,) if self.values["spire_pki_name_constraints"] else ()

    def files(self) -> dict[str, str]:
        """Returns the texts of the chain and the bundle that the server should have; none before they are made."""
        found = super().files()
        if not found or self.issuer is None:
            return {}
        return {**found, "upstream_bundle": x509_keys.dump_certificates(self.issuer.bundle)}
