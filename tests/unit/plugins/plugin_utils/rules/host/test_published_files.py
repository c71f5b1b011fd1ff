# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates in files on a host that SPIRE published with their keys are reported, whatever the names of the files are."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization

from ansible_collections.spire.fleet.plugins.plugin_utils.drift.compare import compare
from ansible_collections.spire.fleet.plugins.plugin_utils.drift.probe import request_of
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import compromised_keys
from tests.unit.builders.fleets import planned
from tests.unit.builders.observed import NOW, certificate, converged

DUMMY, OWN = certificate("spiffe://dummy/a"), certificate("spiffe://prod.acme.com")
POP = {"x509pop": {"plugin_data": {"ca_bundle_path": "/etc/pki/ca.pem"}}}
SERVER: dict[str, Any] = {"spire_server_config": {"plugins": {"NodeAttestor": POP}}}
SAID = (
    "/etc/pki/ca.pem (plugins.NodeAttestor.x509pop.plugin_data.ca_bundle_path) contains a certificate of the dummy CA that comes with "
    "SPIRE 0.0 and whose key is public, so anyone can issue identities of your trust domain. Create a CA of your own. If this is "
    "intended, set spire_allow: [dummy_ca]."
)


@pytest.fixture(autouse=True)
def published(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the test's certificate count as published by SPIRE."""
    monkeypatch.setattr(compromised_keys, "CERTIFICATES", {DUMMY.fingerprint(hashes.SHA256()).hex(): "SPIRE 0.0"})
    compromised_keys.publishing_releases.cache_clear()


def errors(variables: dict[str, Any], *texts: str) -> list[str]:
    plan = planned("server", variables)
    return compare(plan, {**converged(plan), "certificates": {"/etc/pki/ca.pem": list(texts)}}, None, NOW).errors


def pem(one: Any) -> str:
    return str(one.public_bytes(serialization.Encoding.PEM).decode())


def test_the_drift_check_asks_for_these_files() -> None:
    assert request_of(planned("server", SERVER)).certificates == ["/etc/pki/ca.pem"]
    disk = {"disk": {"plugin_data": {"cert_file_path": "/ca.pem", "key_file_path": "/ca.key", "bundle_file_path": "/roots.pem"}}}
    server = planned("server", {"spire_server_config": {"plugins": {"UpstreamAuthority": disk}}})
    assert sorted(request_of(server).certificates) == ["/ca.pem", "/roots.pem"]


def test_a_published_certificate_stops_the_run_whatever_its_file_is_called() -> None:
    assert errors(SERVER, pem(OWN), "ssh-ed25519-cert-v01@openssh.com AAAA", "-----BEGIN CERTIFICATE-----", pem(DUMMY)) == [SAID]


def test_spire_allow_or_no_strict_mode_permits_it() -> None:
    assert errors({**SERVER, "spire_allow": ["dummy_ca"]}, pem(DUMMY)) == []
    assert errors({**SERVER, "spire_strict": False}, pem(DUMMY)) == []
    assert errors({**SERVER, "spire_allow": ["world_readable_key"]}, pem(DUMMY)) == [SAID]


def test_user_supplied_certificates_have_no_problem() -> None:
    assert errors(SERVER, pem(OWN)) == []
