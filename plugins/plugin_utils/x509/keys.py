# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private keys: their types, and how they are written and read. No message contains any part of a key."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.cryptography_import import (
    UnsupportedAlgorithm, ec, hashes, rsa, serialization, x509,
)

#: the family and the size in bits of each type of key, by SPIRE's name of the type
KEY_TYPES: dict[str, tuple[str, int]] = {
    "ec-p256": ("ec", 256),
    "ec-p384": ("ec", 384),
    "ec-p521": ("ec", 521),
    "rsa-2048": ("rsa", 2048),
    "rsa-3072": ("rsa", 3072),
    "rsa-4096": ("rsa", 4096),
}
#: the first bytes of an OpenSSH key that is not encrypted
_UNENCRYPTED_OPENSSH = b"openssh-key-v1\0\0\0\0\4none"
DEFAULT_KEY_TYPE = "ec-p384"


class X509Error(ValueError):
    """A key or certificate can't be used. The message is for a person and contains no secret."""


def generate(key_type: str) -> Any:
    """Returns a new private key."""
    family, size = KEY_TYPES[key_type]
    if family == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=size)
    return ec.generate_private_key({256: ec.SECP256R1, 384: ec.SECP384R1, 521: ec.SECP521R1}[size]())


def type_of(key: Any) -> str:
    """Returns the type of a private or public key by SPIRE's name, or the library's name of a type that SPIRE does not use."""
    size = getattr(key, "key_size", 0)
    if isinstance(key, (rsa.RSAPrivateKey, rsa.RSAPublicKey)):
        return f"rsa-{size}"
    if isinstance(key, (ec.EllipticCurvePrivateKey, ec.EllipticCurvePublicKey)):
        return {"secp256r1": "ec-p256", "secp384r1": "ec-p384", "secp521r1": "ec-p521"}.get(key.curve.name, key.curve.name)
    return type(key).__name__.removesuffix("PublicKey").removesuffix("PrivateKey").lstrip("_").lower()


def public_info(key: Any) -> bytes:
    """Returns the SubjectPublicKeyInfo of a private or public key: the same bytes for a key pair."""
    public = key.public_key() if hasattr(key, "public_key") else key
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def public_key_bytes(public: Any) -> bytes:
    """Returns the bytes that a file with the private key of this public key contains: the point of the curve, or the RSA modulus."""
    if isinstance(public, rsa.RSAPublicKey):
        return public.public_numbers().n.to_bytes((public.key_size + 7) // 8, "big")
    return public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def digest_for(key: Any) -> Any:
    """Returns the hash that a key signs with."""
    size = key.key_size if isinstance(key, ec.EllipticCurvePrivateKey) else 256
    return hashes.SHA512() if size > 384 else hashes.SHA384() if size > 256 else hashes.SHA256()


def dump(key: Any, passphrase: str = "") -> bytes:
    """Returns a private key as PKCS #8 in PEM; without a passphrase it is not encrypted, which is what SPIRE reads."""
    encryption = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def encrypted(text: bytes) -> bool:
    """Whether the private key in a PEM file needs a passphrase; False for a damaged file."""
    openssh = re.search(rb"-----BEGIN OPENSSH PRIVATE KEY-----\s+([A-Za-z0-9+/=\s]+)-----END ", text)
    if openssh:
        try:
            # The content begins with the name of its cipher, which is "none" for a key that is not encrypted.
            return not base64.b64decode(openssh.group(1)[:64]).startswith(_UNENCRYPTED_OPENSSH)
        except binascii.Error:
            return False
    return b"ENCRYPTED" in text


def load(text: bytes, passphrase: str, where: str) -> Any:
    """Returns the private key in a PEM file. Raises X509Error for a damaged file or a wrong passphrase."""
    if b"-----BEGIN " not in text or b"PRIVATE KEY-----" not in text:
        raise X509Error(f"{where} holds no private key in PEM.")
    locked = encrypted(text)
    if locked and not passphrase:
        raise X509Error(f"The key in {where} is encrypted, and no passphrase is given.")
    try:
        return serialization.load_pem_private_key(text, passphrase.encode() if locked else None)
    except (ValueError, TypeError) as exc:
        # The library's message could contain a part of the key, so it is not shown.
        if locked:
            raise X509Error(f"The passphrase does not open the key in {where}, or the file is damaged.") from exc
        raise X509Error(f"The key in {where} can't be read: its PEM is damaged.") from exc
    except UnsupportedAlgorithm as exc:
        raise X509Error(f"The key in {where} is of a type that can't be used; use {', '.join(KEY_TYPES)}.") from exc


def key_type_problem(key: Any, what: str) -> str:
    """Returns why a CA may not have a key of this type; empty for a good one."""
    found = type_of(key)
    if found in KEY_TYPES or (found.startswith("rsa-") and int(found[4:]) > 2048):
        return ""
    if found.startswith("rsa-"):
        return f"{what} is {found}: RSA keys of a CA have 2048 bits or more."
    return f"{what} is {found}; SPIRE can use {', '.join(KEY_TYPES)}."


def load_certificates(text: bytes, where: str) -> list[Any]:
    """Returns the certificates of a PEM file in their order."""
    if b"-----BEGIN CERTIFICATE-----" not in text:
        raise X509Error(f"{where} holds no certificate in PEM.")
    try:
        return list(x509.load_pem_x509_certificates(text))
    except ValueError as exc:
        raise X509Error(f"A certificate in {where} can't be read: its PEM is damaged.") from exc


def dump_certificates(certificates: list[Any]) -> str:
    """Returns certificates in PEM, in this order."""
    return "".join(one.public_bytes(serialization.Encoding.PEM).decode() for one in certificates)


def load_csr(text: str) -> Any:
    """Returns a signing request. Raises X509Error where its signature does not prove that its sender has the key."""
    try:
        csr = x509.load_pem_x509_csr(text.encode())
        valid = csr.is_signature_valid
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise X509Error("The signing request is no certificate signing request in PEM, or it is damaged.") from exc
    if not valid:
        raise X509Error("The signature of the signing request is wrong: its sender does not have the key, or it was damaged.")
    return csr
