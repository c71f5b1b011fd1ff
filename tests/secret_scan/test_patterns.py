# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The secret scan finds a planted leak in every shape, and reports nothing public as one."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519

from tests.secret_scan import patterns, search

PASSWORD = 'pass "w0rd" \\ of \'ours\''
KEYS = {
    "ec-p256": ec.generate_private_key(ec.SECP256R1()),
    "ec-p521": ec.generate_private_key(ec.SECP521R1()),
    "rsa-2048": rsa.generate_private_key(65537, 2048),
}
SHAPES: dict[str, Callable[[bytes], bytes]] = {
    "as it is": lambda text: text,
    "in base64": base64.b64encode,
    "in base64 after one byte": lambda text: base64.b64encode(b"x" + text),
    "in base64 after two bytes": lambda text: base64.b64encode(b"xy" + text),
    "in base64 in lines": base64.encodebytes,
    "in base64 for URLs": base64.urlsafe_b64encode,
    "in hex": lambda text: text.hex().encode(),
    "in hex with colons": lambda text: b":".join(b"%02X" % byte for byte in text),
    "in JSON": lambda text: json.dumps({"content": text.decode()}).encode(),
    "in JSON in JSON": lambda text: json.dumps(json.dumps(text.decode())).encode(),
    "in YAML": lambda text: yaml.safe_dump({"content": text.decode()}, width=10**6).encode(),
    "in Python": lambda text: repr(text.decode()).encode(),
}


def pem(key: Any, kind: serialization.PrivateFormat = serialization.PrivateFormat.PKCS8, passphrase: str = "") -> bytes:
    encryption = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    return bytes(key.private_bytes(serialization.Encoding.PEM, kind, encryption))


def der(key: Any) -> bytes:
    return bytes(key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


def hits(tmp_path: Path, secrets: list[patterns.Secret], content: bytes) -> int:
    path = tmp_path / "place"
    path.write_bytes(b"before\n" + content + b"\nafter")
    return len(search.search({"place": [path]}, secrets)["place"].hits)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_password(tmp_path: Path, shape: str) -> None:
    secret = patterns.text("password", "one", PASSWORD)
    assert secret is not None
    assert hits(tmp_path, [secret], SHAPES[shape](PASSWORD.encode())) == 1
    assert hits(tmp_path, [secret], SHAPES[shape](PASSWORD.upper().encode())) == 0


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KEYS)
def test_a_key(tmp_path: Path, kind: str, shape: str) -> None:
    key = KEYS[kind]
    (secret,) = patterns.keys_in(pem(key), "one")
    assert hits(tmp_path, [secret], SHAPES[shape](pem(key))) == 1
    traditional = pem(key, serialization.PrivateFormat.TraditionalOpenSSL)
    assert hits(tmp_path, [secret], SHAPES[shape](traditional)) == 1


@pytest.mark.parametrize("kind", KEYS)
def test_a_part_of_a_key(tmp_path: Path, kind: str) -> None:
    """A key is found by one of its lines, and by its bytes."""
    key = KEYS[kind]
    (secret,) = patterns.keys_in(pem(key), "one")
    assert secret.texts
    for line in secret.texts:
        assert hits(tmp_path, [secret], b"said: " + line) == 1
    assert hits(tmp_path, [secret], b"\xff" + der(key)) == 1
    assert hits(tmp_path, [secret], der(key).hex().encode()) == 1
    assert hits(tmp_path, [secret], str(int.from_bytes(secret.numbers[0], "big")).encode()) == 1


@pytest.mark.parametrize("kind", KEYS)
def test_the_public_half_is_no_secret(tmp_path: Path, kind: str) -> None:
    (secret,) = patterns.keys_in(pem(KEYS[kind]), "one")
    public = KEYS[kind].public_key()
    for encoding in (serialization.Encoding.PEM, serialization.Encoding.DER):
        encoded = public.public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)
        assert hits(tmp_path, [secret], encoded) == hits(tmp_path, [secret], base64.b64encode(encoded)) == 0


def test_keys_of_spires_own(tmp_path: Path) -> None:
    kept = json.dumps({"keys": {"A": base64.b64encode(der(KEYS["ec-p256"])).decode()}}).encode()
    (secret,) = patterns.keys_in(kept, "keys.json")
    assert secret.name == "keys.json (A)"
    assert hits(tmp_path, [secret], kept) == hits(tmp_path, [secret], pem(KEYS["ec-p256"])) == 1


def test_an_encrypted_key_is_opened_and_its_own_text_is_no_secret(tmp_path: Path) -> None:
    encrypted = pem(KEYS["ec-p256"], passphrase="right")
    assert list(patterns.keys_in(encrypted, "one", ["wrong"])) == []
    (secret,) = patterns.keys_in(encrypted, "one", ["wrong", "right"])
    assert hits(tmp_path, [secret], encrypted) == 0
    assert hits(tmp_path, [secret], pem(KEYS["ec-p256"])) == 1


@pytest.mark.parametrize("key", [*KEYS.values(), ed25519.Ed25519PrivateKey.generate()])
def test_a_key_of_ssh(tmp_path: Path, key: Any) -> None:
    written = pem(key, serialization.PrivateFormat.OpenSSH)
    (secret,) = patterns.keys_in(written, "one")
    assert hits(tmp_path, [secret], written) == hits(tmp_path, [secret], der(key).hex().encode()) == 1


def test_what_is_no_secret_of_ours() -> None:
    assert patterns.text("password", "one", "short") is None
    assert list(patterns.keys_in(b'{"keys": [1]}', "one")) == list(patterns.keys_in(b'{"keys"', "one")) == []
    assert list(patterns.keys_in(pem(x25519.X25519PrivateKey.generate()), "one")) == []


def test_a_secret_outlives_its_file() -> None:
    (secret,) = patterns.keys_in(pem(KEYS["rsa-2048"]), "one")
    again = patterns.Secret.of_json(json.loads(json.dumps(secret.as_json())))
    assert again == secret and again.forms() == secret.forms()


def test_the_table(tmp_path: Path) -> None:
    secrets = [patterns.Secret("planted", "planted", (b"planted-one",)), patterns.Secret("token", "t", (b"0123456789",))]
    path = tmp_path / "log"
    path.write_bytes(b"planted-one 0123456789")
    found = search.search({"log": [path], "empty": [tmp_path / "gone"]}, secrets)
    assert found["log"].of(planted=True) == [f"planted in {path}"] and found["log"].of(planted=False) == [f"t in {path}"]
    first, head, log, empty = search.table(found, secrets).splitlines()
    assert first.startswith("2 secrets (1 planted, 1 token) in ") and head.split() == ["place", "files", "MB", "found", "planted"]
    assert log.split() == ["log", "1", "0.0", "1", "1"] and empty.split() == ["empty", "1", "0.0", "0", "0"]
