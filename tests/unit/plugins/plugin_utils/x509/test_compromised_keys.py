# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates whose keys are public are recognised by their fingerprint and by their keys."""

from __future__ import annotations

import datetime
import hashlib
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.spire.fleet.plugins.plugin_utils.rules.host import strict
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import RuleContext
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import compromised_keys
from tests.unit.builders.fleets import ALONE, fleet, mistakes, planned

NOW = datetime.datetime(2030, 1, 1)
KEY = ec.generate_private_key(ec.SECP256R1())


def made(key: ec.EllipticCurvePrivateKey, serial: int = 1) -> x509.Certificate:
    name = x509.Name([])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(serial)
    return builder.not_valid_before(NOW).not_valid_after(NOW + datetime.timedelta(days=1)).sign(key, hashes.SHA256())


def pem(*certificates: x509.Certificate) -> str:
    return "".join(one.public_bytes(serialization.Encoding.PEM).decode() for one in certificates)


@pytest.fixture(autouse=True)
def published(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the test's key, and the first certificate of it, count as published by SPIRE."""
    spki = KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    whole = made(KEY).fingerprint(hashes.SHA256()).hex()
    monkeypatch.setattr(compromised_keys, "PUBLIC_KEYS", {hashlib.sha256(spki).hexdigest()})
    monkeypatch.setattr(compromised_keys, "CERTIFICATES", {whole: "SPIRE 0.0"})
    compromised_keys.publishing_releases.cache_clear()


def test_a_bundle_with_a_published_key() -> None:
    other = made(ec.generate_private_key(ec.SECP256R1()))
    outside = {**ALONE, "spire_trust_bundle": pem(other, made(KEY, serial=2))}
    assert mistakes(fleet(outside, servers=())) == (
        "error: spire_trust_bundle: It contains a certificate of the dummy CA that comes with SPIRE and whose key is public, so anyone "
        "could impersonate the server. Set it to the trust bundle of your own servers. If this is intended, set spire_allow: "
        "[dummy_trust_bundle]. [a1]"
    )
    assert mistakes(fleet({**outside, "spire_allow": ["dummy_trust_bundle"]}, servers=())) == ""
    assert mistakes(fleet({**outside, "spire_trust_bundle": pem(other)}, servers=())) == ""


def test_the_certificate_itself_is_known_by_its_releases(monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = made(KEY)
    monkeypatch.setattr(compromised_keys, "CERTIFICATES", {certificate.fingerprint(hashes.SHA256()).hex(): "SPIRE 0.0"})
    assert compromised_keys.publishing_releases(pem(certificate)) == "SPIRE 0.0"


def test_an_issuer_with_a_published_key(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    files = {name: str(file) for name in ("certificate", "key", "bundle")}
    plan = planned("server", spire_pki="controller", spire_pki_dir=str(tmp_path), spire_pki_passphrase="correct horse", spire_pki_issuer=files)
    context = RuleContext("server", plan.version, plan=plan)
    assert list(strict.dummy_pki_issuer(context)) == []  # another rule reports the missing file
    file.write_text(pem(made(ec.generate_private_key(ec.SECP256R1()))))
    assert list(strict.dummy_pki_issuer(context)) == []
    file.write_text(pem(made(KEY, serial=2)))
    (finding,) = strict.dummy_pki_issuer(context)
    assert (finding.path, finding.message) == ("spire_pki_issuer", (
        "It is the dummy CA that comes with SPIRE and whose key is public, so anyone can issue identities of your trust domain. Set it "
        "to a CA of your own, or remove it, and the collection creates a CA."
    ))


def test_what_is_no_certificate_is_not_judged() -> None:
    assert compromised_keys.publishing_releases("PEM") == ""
