# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is public of private keys is read as cryptography reads it, and nothing else of them is."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.host import private_key

serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization", reason="this Python has no cryptography")
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519  # noqa: E402

PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
FORMS = {
    "pkcs8": serialization.PrivateFormat.PKCS8, "traditional": serialization.PrivateFormat.TraditionalOpenSSL,
    "openssh": serialization.PrivateFormat.OpenSSH,
}
EC_KEYS = [ec.generate_private_key(curve()) for curve in (ec.SECP224R1, ec.SECP256R1, ec.SECP384R1, ec.SECP521R1, ec.SECP256K1)]
RSA_KEYS = [rsa.generate_private_key(public_exponent=exponent, key_size=size) for exponent, size in ((65537, 1024), (65537, 2048), (3, 2048))]


def text_of(key: Any, form: str, passphrase: str = "") -> bytes:
    encryption = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    return bytes(key.private_bytes(PEM, FORMS[form], encryption))


def public_of(key: Any) -> str:
    return base64.b64encode(key.public_key().public_bytes(DER, serialization.PublicFormat.SubjectPublicKeyInfo)).decode()


def facts_of(text: bytes) -> dict[str, Any]:
    (block,) = private_key.blocks(text)
    return private_key.facts(block)


def openssl(*arguments: str, text: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *arguments], input=text, capture_output=True, check=True).stdout


@pytest.mark.parametrize("key", EC_KEYS, ids=lambda key: key.curve.name)
def test_ec_keys(key: Any) -> None:
    public = {"encrypted": False, "algorithm": "ec", "public": public_of(key)}
    assert facts_of(text_of(key, "pkcs8")) == {"kind": "PRIVATE KEY", "form": "pkcs8", **public}
    assert facts_of(text_of(key, "traditional")) == {"kind": "EC PRIVATE KEY", "form": "sec1", **public}


@pytest.mark.parametrize("key", RSA_KEYS, ids=lambda key: f"{key.key_size}-{key.public_key().public_numbers().e}")
def test_rsa_keys(key: Any) -> None:
    public = {"encrypted": False, "algorithm": "rsa", "public": public_of(key)}
    assert facts_of(text_of(key, "pkcs8")) == {"kind": "PRIVATE KEY", "form": "pkcs8", **public}
    assert facts_of(text_of(key, "traditional")) == {"kind": "RSA PRIVATE KEY", "form": "pkcs1", **public}


def test_keys_that_do_not_hold_their_public_half() -> None:
    found = facts_of(text_of(ed25519.Ed25519PrivateKey.generate(), "pkcs8"))
    assert found == {"kind": "PRIVATE KEY", "encrypted": False, "form": "pkcs8", "algorithm": "1.3.101.112", "public": ""}
    assert facts_of(text_of(x25519.X25519PrivateKey.generate(), "pkcs8"))["algorithm"] == "1.3.101.110"
    bare = openssl("ec", "-no_public", text=text_of(EC_KEYS[1], "traditional"))
    assert facts_of(bare) == {"kind": "EC PRIVATE KEY", "encrypted": False, "form": "sec1", "algorithm": "ec", "public": ""}


def test_parameters_before_the_key() -> None:
    blocks = private_key.blocks(openssl("ecparam", "-name", "prime256v1", "-genkey"))
    assert [block.kind for block in blocks] == ["EC PARAMETERS", "EC PRIVATE KEY"]
    assert [private_key.is_private_key(block.kind) for block in blocks] == [False, True]
    assert private_key.facts(blocks[1])["algorithm"] == "ec"


@pytest.mark.parametrize("form", ["pkcs8", "traditional"])
def test_a_curve_without_a_name(form: str) -> None:
    command = ["ec", "-param_enc", "explicit"] if form == "traditional" else ["pkey", "-ec_param_enc", "explicit"]
    found = facts_of(openssl(*command, text=text_of(EC_KEYS[1], "pkcs8")))
    assert (found["algorithm"], found["public"]) == ("ec-explicit", "")


@pytest.mark.parametrize("key", [EC_KEYS[1], RSA_KEYS[1]], ids=["ec", "rsa"])
@pytest.mark.parametrize("form", FORMS)
def test_encrypted_keys(key: Any, form: str) -> None:
    found = facts_of(text_of(key, form, "correct horse"))
    assert found["encrypted"] and (form == "openssh") == bool(found["public"])


def test_keys_in_the_form_of_openssh() -> None:
    for key in (ed25519.Ed25519PrivateKey.generate(), EC_KEYS[1], RSA_KEYS[1]):
        found = facts_of(text_of(key, "openssh"))
        assert (found["form"], found["encrypted"]) == ("openssh", False)
        line = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
        assert f"{found['algorithm']} {found['public']}" == line


def test_no_part_of_the_private_half_is_returned() -> None:
    for key in (EC_KEYS[1], RSA_KEYS[1], ed25519.Ed25519PrivateKey.generate()):
        for form in ("pkcs8", "openssh"):
            text, shown = text_of(key, form), facts_of(text_of(key, form))
            (block,) = private_key.blocks(text)
            public = base64.b64decode(shown["public"])
            secret = key.private_numbers() if hasattr(key, "private_numbers") else None
            number = getattr(secret, "private_value", None) or getattr(secret, "d", None)
            private = number.to_bytes((number.bit_length() + 7) // 8, "big") if number else key.private_bytes_raw()
            assert private in block.content and private not in public
            assert base64.b64encode(private)[4:40].decode() not in json.dumps(shown)


DAMAGED = b"-----BEGIN PRIVATE KEY-----\n%s\n-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize("content", [b"AAAA", b"", b"!!!!", b"MAA=", b"MIIB", b"MIAAAA==", base64.b64encode(b"\x30\x81\x03\x02\x01\x00")])
def test_damaged_keys(content: bytes) -> None:
    found = facts_of(DAMAGED % content)
    assert (found["form"], found["algorithm"], found["public"]) == ("", "", "")


def test_a_key_that_is_cut_off_anywhere_is_damaged_or_whole() -> None:
    for key in (EC_KEYS[1], RSA_KEYS[1]):
        der = key.private_bytes(DER, FORMS["pkcs8"], serialization.NoEncryption())
        for end in range(len(der)):
            assert private_key.facts(private_key.Pem("PRIVATE KEY", False, der[:end]))["form"] == ""
            assert private_key.facts(private_key.Pem("PRIVATE KEY", False, der + b"\0"))["form"] == ""


def test_blocks_that_go_does_not_see() -> None:
    text = text_of(EC_KEYS[1], "pkcs8")
    assert private_key.blocks(b"\xef\xbb\xbf" + text) == [] == private_key.blocks(b"  " + text)
    assert private_key.blocks(text.replace(b"-----END PRIVATE", b"-----END SOMETHING")) == []
    windows = text.replace(b"\n", b"\r\n")
    assert facts_of(b"Key of the node\r\n" + windows) == facts_of(text)
    # The first block has no end, so it is none.
    assert len(private_key.blocks(b"-----BEGIN PRIVATE KEY-----\nAAAA\n" + text)) == 1


def test_the_reader_is_told_apart_from_a_certificate(tmp_path: Path) -> None:
    files = {"key": tmp_path / "key", "pem": tmp_path / "pem"}
    files["key"].write_bytes(text_of(EC_KEYS[1], "pkcs8"))
    pem = openssl("req", "-x509", "-key", str(files["key"]), "-subj", "/CN=x", "-days", "1")
    (block,) = private_key.blocks(pem)
    assert block.kind == "CERTIFICATE" and private_key.facts(block)["form"] == ""
