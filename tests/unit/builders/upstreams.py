# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small fleet whose server has the collection's upstream CA, for tests."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from ansible_collections.spire.fleet.plugins.plugin_utils.aws.client import Service
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import aws as pki_aws
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import keys as x509_keys
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.ensure import Outcome, Run
from tests.support.authorities import NOW, PASSPHRASE
from tests.unit.builders.fleets import planned

KEY, PEM, BUNDLE = (f"/etc/spire/server/main.upstream{end}" for end in (".key", ".pem", "-bundle.pem"))
DISK = {"cert_file_path": PEM, "key_file_path": KEY, "bundle_file_path": BUNDLE}
#: the region of the CAs in AWS
REGION = "eu-central-1"
CSR_OF = x509_keys.generate("ec-p384")


def variables(tmp_path: Path, **more: Any) -> dict[str, Any]:
    """Returns the fleet's variables, with this directory for its CAs."""
    return {"spire_pki": "controller", "spire_pki_dir": str(tmp_path), "spire_pki_passphrase": PASSPHRASE, **more}


def server(tmp_path: Path, **more: Any) -> Plan:
    """Returns the plan of its server."""
    return planned("server", **variables(tmp_path, **more))


def csr() -> str:
    """Returns a signing request like those of the module on a host."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(CSR_OF, hashes.SHA384()).public_bytes(serialization.Encoding.PEM).decode()


def made(tmp_path: Path, now: datetime.datetime = NOW, **more: Any) -> Outcome:
    """Makes what a run makes on the controller, and returns the outcome."""
    upstream = server(tmp_path, **more).upstream
    assert upstream is not None
    return upstream.ensure(csr() if upstream.key_on_host else "", Run(now))


class AwsUpstreams:
    """A small fleet whose upstream CA is stored in AWS, by this plugin of SPIRE."""

    def __init__(self, plugin: str, **own: Any) -> None:
        self.plugin, self.own = plugin, own

    def tree(self, **options: Any) -> dict[str, Any]:
        """Returns a server's tree with the plugin."""
        return {"plugins": {"UpstreamAuthority": {self.plugin: {"plugin_data": {"region": REGION, **options}}}}}

    def variables(self, tmp_path: Path, **more: Any) -> dict[str, Any]:
        """Returns the fleet's variables, with this directory for its CAs."""
        return variables(tmp_path, **{"spire_pki": self.plugin, "spire_server_config": self.tree(), **self.own, **more})

    def server(self, tmp_path: Path, **more: Any) -> Plan:
        """Returns the plan of its server."""
        return planned("server", **self.variables(tmp_path, **more))

    def options(self, tmp_path: Path, **more: Any) -> dict[str, Any]:
        """Returns the plugin's options in the server's tree."""
        return dict(self.server(tmp_path, **more).plugin_data("UpstreamAuthority", self.plugin))

    def made(self, tmp_path: Path, now: datetime.datetime = NOW, check: bool = False, **more: Any) -> list[str]:
        """Returns what a run did for the certificate and in AWS."""
        upstream = self.server(tmp_path, **more).upstream
        assert upstream is not None
        outcome, why = pki_aws.ensure(upstream, Run(now, check))
        return [*outcome.differences, *why]

    def differences(self, tmp_path: Path, **more: Any) -> list[str]:
        """Returns how AWS differs from the controller."""
        upstream = self.server(tmp_path, **more).upstream
        assert upstream is not None
        return pki_aws.differences(upstream)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Returns the list to which each call of AWS from now on is added."""
    calls: list[str] = []
    call = Service.call

    def noted(self: Service, operation: str, what: str, **arguments: Any) -> dict[str, Any]:
        calls.append(operation)
        return call(self, operation, what, **arguments)

    monkeypatch.setattr(Service, "call", noted)
    return calls
