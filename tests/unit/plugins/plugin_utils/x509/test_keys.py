# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys on the controller are encrypted, and never lost, overwritten by accident, or shown."""

from __future__ import annotations

import base64
import dataclasses
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from ansible_collections.spire.fleet.plugins.module_utils.host import atomic_file
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import results as pki_results
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import ensure as x509_ensure, keys as x509_keys
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.ensure import Issuer, Run
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.store import KeyAndCertificateFiles
from tests.support.authorities import NOW, PASSPHRASE, make
from tests.support.errors import error_of
from tests.unit.builders.certificates import OWN, ROOT, contents, issuer_in, keep, key_files


def test_an_issuer_with_a_key_of_another(tmp_path: Path) -> None:
    issuer = issuer_in(tmp_path)
    (tmp_path / "root.key").write_text(make("Other").key_pem(PASSPHRASE))
    assert error_of(X509Error, keep, tmp_path, "own", OWN, Issuer(issuer.key_files, PASSPHRASE, issuer.certificates, issuer.bundle)) == (
        f"The key in {tmp_path}/root.key and the certificate in {tmp_path}/root.pem don't belong together: their public keys differ."
    )


def test_no_key_is_written_unencrypted(tmp_path: Path) -> None:
    assert error_of(X509Error, x509_ensure.ensure, key_files(tmp_path, "root"), ROOT, None, "", Run(NOW)) == (
        f"No passphrase is given, and the key in {tmp_path}/root.key must be encrypted."
    )
    assert contents(tmp_path) == {}


def test_a_key_is_overwritten_only_by_force(tmp_path: Path) -> None:
    keep(tmp_path)
    before = contents(tmp_path)
    assert error_of(X509Error, keep, tmp_path, request=dataclasses.replace(ROOT, key_type="rsa-2048")) == (
        f"The key in {tmp_path}/root.key is ec-p384, and should be rsa-2048. A key is never overwritten unasked: move it away, make a new one "
        "with force, which keeps a copy, or ask for the type that it has."
    )
    assert contents(tmp_path) == before
    checked = keep(tmp_path, request=dataclasses.replace(ROOT, key_type="rsa-2048"), force=True, check=True)
    assert (checked.changed, checked.differences) == (True, [
        f"the key in {tmp_path}/root.key is replaced", f"the certificate in {tmp_path}/root.pem is replaced",
    ])
    assert contents(tmp_path) == before
    forced = keep(tmp_path, request=dataclasses.replace(ROOT, key_type="rsa-2048"), force=True)
    assert forced.differences == checked.differences
    assert forced.backup == f"{tmp_path}/root.key.20300102T000000Z.old"
    after = contents(tmp_path)
    assert after["root.key.20300102T000000Z.old"] == before["root.key"] and after["root.pem.20300102T000000Z.old"] == before["root.pem"]
    assert after["root.key"] != before["root.key"] and forced.after["key"] == "rsa-2048"
    assert stat.S_IMODE(os.stat(forced.backup).st_mode) == 0o600


def test_the_key_of_a_root_may_be_kept_elsewhere(tmp_path: Path) -> None:
    issuer = issuer_in(tmp_path)
    keep(tmp_path, "own", OWN, issuer)
    away = (tmp_path / "root.key").read_bytes()
    (tmp_path / "root.key").unlink()
    issuer = Issuer(issuer.key_files, PASSPHRASE, issuer.certificates, issuer.bundle)
    assert keep(tmp_path).changed is False and keep(tmp_path, "own", OWN, issuer).changed is False
    assert error_of(X509Error, keep, tmp_path, "other", OWN, issuer) == (
        f"{tmp_path}/root.key is not there, and CN=Root,O=Acme,C=US has to sign. Bring the key back for this run."
    )
    assert error_of(X509Error, keep, tmp_path, request=dataclasses.replace(ROOT, path_length=3)) == (
        f"{tmp_path}/root.pem is not as it should be (it is a CA of path length 2, and should be a CA of path length 3), and its key "
        f"{tmp_path}/root.key is not there. Bring the key back for this run, or make a new root with force."
    )
    assert not (tmp_path / "root.key").exists()
    (tmp_path / "root.key").write_bytes(away)
    (tmp_path / "root.key").chmod(0o600)
    assert keep(tmp_path, "other", OWN, issuer).changed is True


def test_keys_that_can_not_be_read(tmp_path: Path) -> None:
    keep(tmp_path)
    keep(tmp_path, "other")
    good = (tmp_path / "root.key").read_bytes()
    request, run = ROOT, Run(NOW)
    path = f"{tmp_path}/root.key"

    def error_text(passphrase: str = PASSPHRASE) -> str:
        return error_of(X509Error, x509_ensure.ensure, key_files(tmp_path, "root"), request, None, passphrase, run)

    assert error_text("wrong") == f"The passphrase does not open the key in {path}, or the file is damaged."
    assert error_text("") == f"The key in {path} is encrypted, and no passphrase is given."
    (tmp_path / "root.key").write_bytes((tmp_path / "other.key").read_bytes())
    assert error_text() == f"The key in {path} and the certificate in {tmp_path}/root.pem don't belong together: their public keys differ."
    (tmp_path / "root.key").write_bytes(good[:200] + good[260:])
    assert error_text() == f"The passphrase does not open the key in {path}, or the file is damaged."
    (tmp_path / "root.key").write_text("nothing")
    assert error_text() == f"{path} holds no private key in PEM."
    (tmp_path / "root.key").write_bytes(good)
    (tmp_path / "root.pem").write_text("nothing")
    assert error_text() == f"{tmp_path}/root.pem holds no certificate in PEM."
    (tmp_path / "root.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    assert error_text() == f"A certificate in {tmp_path}/root.pem can't be read: its PEM is damaged."
    (tmp_path / "root.pem").unlink()
    (tmp_path / "root.pem").mkdir()
    assert error_text() == f"{tmp_path}/root.pem can't be read: Is a directory."
    assert (tmp_path / "root.key").read_bytes() == good


def test_an_interrupted_run_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a run is killed between the key and its certificate, the next run signs the existing key."""
    with monkeypatch.context() as patched:
        def killed(self: KeyAndCertificateFiles, certificates: list[Any]) -> None:
            raise KeyboardInterrupt
        patched.setattr(KeyAndCertificateFiles, "write_certificates", killed)
        with pytest.raises(KeyboardInterrupt):
            keep(tmp_path)
    key = (tmp_path / "root.key").read_bytes()
    (tmp_path / f"{atomic_file.TEMPORARY}root.key.123").write_bytes(b"a part")
    assert keep(tmp_path).differences == ["there is no certificate"]
    assert (tmp_path / "root.key").read_bytes() == key
    keep(tmp_path, force=True)
    assert [name for name in contents(tmp_path) if name.startswith(atomic_file.TEMPORARY)] == []


def test_no_secret_is_in_a_result(tmp_path: Path) -> None:
    """No result contains a secret. A planted one proves that the search finds secrets."""
    issuer = issuer_in(tmp_path)
    keep(tmp_path, "own", OWN, issuer)
    results = [
        pki_results.task_result(outcome, key_files(tmp_path, "own"))
        for outcome in (keep(tmp_path, force=True), keep(tmp_path, "own", OWN, issuer, force=True))
    ]
    error_text = repr(results)
    secrets = [PASSPHRASE]
    for name in ("root", "own"):
        key = x509_keys.load((tmp_path / f"{name}.key").read_bytes(), PASSPHRASE, "")
        scalar = key.private_numbers().private_value
        whole = x509_keys.dump(key)
        secrets += [f"{scalar:x}", str(scalar), *whole.decode().splitlines()[1:3], base64.b64encode(whole).decode()[90:140]]
    assert [secret for secret in secrets if secret in error_text] == []
    assert [secret for secret in secrets if secret in error_text + secrets[3]] != []


@pytest.mark.parametrize("passphrase", ["", PASSPHRASE])
def test_whether_a_key_is_encrypted(passphrase: str) -> None:
    """An encrypted key is recognised in both formats of keys."""
    key, locked = x509_keys.generate("ec-p256"), bool(passphrase)
    assert x509_keys.encrypted(x509_keys.dump(key, passphrase)) is locked
    kind = serialization.BestAvailableEncryption(passphrase.encode()) if locked else serialization.NoEncryption()
    try:
        text = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, kind)
    except UnsupportedAlgorithm:
        pytest.skip("OpenSSH's encryption needs bcrypt")
    assert x509_keys.encrypted(text) is locked


@pytest.mark.parametrize("passphrase", ["", PASSPHRASE])
def test_a_damaged_key_of_openssh(passphrase: str) -> None:
    text = b"-----BEGIN OPENSSH PRIVATE KEY-----\nabcde\n-----END OPENSSH PRIVATE KEY-----\n"
    assert error_of(X509Error, x509_keys.load, text, passphrase, "own.key") == "The key in own.key can't be read: its PEM is damaged."
