# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads what is public of a private key: its kind, whether it is encrypted, and its public half. Hosts have no library for keys.

The forms are PKCS #8 (RFC 5958), PKCS #1 (RFC 8017), SEC 1 (RFC 5915) and OpenSSH's own. Nothing here returns a part of the private half.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Dict, Iterator, List, NamedTuple, Tuple

INTEGER, BIT_STRING, OCTET_STRING, OBJECT, SEQUENCE, PARAMETERS, PUBLIC = 0x02, 0x03, 0x04, 0x06, 0x30, 0xA0, 0xA1
RSA, EC = "1.2.840.113549.1.1.1", "1.2.840.10045.2.1"
#: the algorithm of an RSA key in a SubjectPublicKeyInfo, with its empty parameters
_RSA_ALGORITHM = bytes.fromhex("300d06092a864886f70d0101010500")
_EC_OBJECT = bytes.fromhex("06072a8648ce3d0201")
_OPENSSH = b"openssh-key-v1\0"
_BLOCK = re.compile(rb"^-----BEGIN ([A-Z0-9 ]{1,60})-----[ \t]*\r?\n((?:(?!-----BEGIN ).)*?)-----END \1-----", re.DOTALL | re.MULTILINE)

#: the tag and the content of a part of DER
Part = Tuple[int, bytes]


class Pem(NamedTuple):
    """A block of PEM."""

    kind: str
    encrypted: bool
    #: empty where the block is damaged
    content: bytes


def blocks(text: bytes) -> List[Pem]:
    """Returns the blocks of PEM in a text. As for Go, each begins at the beginning of a line."""
    return [_block(found.group(1).decode(), found.group(2)) for found in _BLOCK.finditer(text)]


def is_private_key(kind: str) -> bool:
    """Whether blocks of this kind hold a private key. Other blocks before the key, such as EC PARAMETERS, are no keys."""
    return kind == "PRIVATE KEY" or kind.endswith(" PRIVATE KEY")


def _block(kind: str, body: bytes) -> Pem:
    lines = [line.strip() for line in body.splitlines()]
    headers = [line for line in lines if b":" in line]
    try:
        content = base64.b64decode(b"".join(line for line in lines if b":" not in line), validate=True)
    except (binascii.Error, ValueError):
        content = b""
    return Pem(kind, kind.startswith("ENCRYPTED ") or any(b"ENCRYPTED" in line for line in headers), content)


def facts(block: Pem) -> Dict[str, Any]:
    """Returns the facts of a private key that a person may see.

    ``form`` is empty for a damaged key. ``algorithm`` is "rsa", "ec", "ec-explicit" for a curve without a name, or the object identifier of
    another one. ``public`` is the SubjectPublicKeyInfo in base64, or the public key of an OpenSSH key; empty where the key does not hold it.
    """
    found = {"kind": block.kind, "encrypted": block.encrypted, "form": "", "algorithm": "", "public": ""}
    if block.content.startswith(_OPENSSH):
        return {**found, **_openssh(block.content[len(_OPENSSH):])}
    if block.encrypted:
        return found
    try:
        form, algorithm, public = _read(block.content)
    except (ValueError, IndexError):
        return found
    return {**found, "form": form, "algorithm": algorithm, "public": base64.b64encode(public).decode()}


def _read(der: bytes) -> Tuple[str, str, bytes]:
    """Returns the form, the algorithm and the public half of a key in DER. Raises ValueError or IndexError where it is none."""
    parts = _sequence(der)
    kinds = [tag for tag, _content in parts[:3]]
    if kinds == [INTEGER, SEQUENCE, OCTET_STRING]:
        return _pkcs8(parts)
    if kinds[:2] == [INTEGER, OCTET_STRING]:
        return ("sec1", *_ec(parts, _tagged(parts, PARAMETERS)))
    if len(parts) >= 9 and all(tag == INTEGER for tag, _content in parts[:9]):
        return "pkcs1", "rsa", _rsa(parts)
    raise ValueError("no private key")


def _pkcs8(parts: List[Part]) -> Tuple[str, str, bytes]:
    algorithm = list(_parts(parts[1][1]))
    name = _object_id(algorithm[0])
    if name == RSA:
        return "pkcs8", "rsa", _rsa(_sequence(parts[2][1]))
    if name == EC:
        return ("pkcs8", *_ec(_sequence(parts[2][1]), _der(*algorithm[1])))
    return "pkcs8", name, b""


def _rsa(parts: List[Part]) -> bytes:
    """Returns the public half of a key of PKCS #1, which begins with its version, its modulus and its public exponent."""
    numbers = _der(SEQUENCE, b"".join(_der(*part) for part in parts[1:3]))
    return _der(SEQUENCE, _RSA_ALGORITHM + _der(BIT_STRING, b"\0" + numbers))


def _ec(parts: List[Part], curve: bytes) -> Tuple[str, bytes]:
    """Returns the algorithm and the public half of a key of SEC 1; the public half is optional there."""
    if not curve or curve[0] != OBJECT:
        return "ec-explicit", b""
    point = _tagged(parts, PUBLIC)
    return "ec", _der(SEQUENCE, _der(SEQUENCE, _EC_OBJECT + curve) + point) if point else b""


def _openssh(data: bytes) -> Dict[str, Any]:
    """Returns the facts of an OpenSSH key: the names of its cipher and its key derivation, its options, how many keys it has, the public key."""
    try:
        cipher, rest = _string(data)
        _derivation, rest = _string(rest)
        _options, rest = _string(rest)
        public, _rest = _string(rest[4:])
        algorithm = _string(public)[0].decode()
    except (ValueError, IndexError):
        return {}
    return {"form": "openssh", "encrypted": cipher != b"none", "algorithm": algorithm, "public": base64.b64encode(public).decode()}


def _string(data: bytes) -> Tuple[bytes, bytes]:
    """Returns the first string of OpenSSH's format, which begins with its length, and what follows."""
    end = 4 + int.from_bytes(data[:4], "big")
    if len(data) < 4 or end > len(data):
        raise ValueError("cut off")
    return data[4:end], data[end:]


def _sequence(der: bytes) -> List[Part]:
    """Returns the parts of a sequence that is the whole of ``der``."""
    ((tag, content),) = _parts(der)
    if tag != SEQUENCE:
        raise ValueError("no sequence")
    return list(_parts(content))


def _parts(der: bytes) -> Iterator[Part]:
    """Yields the parts that follow each other in ``der``. Raises ValueError for a length that is not that of DER."""
    while der:
        header, length = 2, der[1]
        if length & 0x80:
            octets = length & 0x7F
            header, length = 2 + octets, int.from_bytes(der[2:2 + octets], "big")
        if der[1] == 0x80 or header + length > len(der) or _der(der[0], der[header:header + length])[:header] != der[:header]:
            raise ValueError("no DER")
        yield der[0], der[header:header + length]
        der = der[header + length:]


def _der(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def _tagged(parts: List[Part], tag: int) -> bytes:
    """Returns the content of the optional part that has this tag; empty where there is none."""
    return next((content for found, content in parts if found == tag), b"")


def _object_id(part: Part) -> str:
    tag, content = part
    if tag != OBJECT or not content:
        raise ValueError("no object identifier")
    numbers, number = [], 0
    for octet in content:
        number = number << 7 | octet & 0x7F
        if not octet & 0x80:
            numbers.append(number)
            number = 0
    first = min(numbers[0] // 40, 2)
    return ".".join(str(one) for one in (first, numbers[0] - 40 * first, *numbers[1:]))
