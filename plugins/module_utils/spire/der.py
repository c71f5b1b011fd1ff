# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads certificates in DER with the standard library, because hosts have no library for X.509."""

from __future__ import annotations

import base64
import binascii
import datetime
import hashlib
import re

#: the extension of a certificate that holds its subject key ID
_KEY_ID = re.compile(rb"\x06\x03\x55\x1d\x0e(?:\x01\x01\xff)?\x04(.)\x04(.)", re.DOTALL)
#: the two times between which a certificate is valid; the year has two digits up to 2049 and four digits later
_VALIDITY = re.compile(rb"\x30.(?:\x17\x0d\d{12}Z|\x18\x0f\d{14}Z)(?:\x17\x0d(\d{12})Z|\x18\x0f(\d{14})Z)", re.DOTALL)
_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)


class DerError(ValueError):
    """The text holds no certificates. The message quotes nothing of it."""


def from_base64(text: str, what: str) -> bytes:
    """Decodes one or several certificates. A DerError begins with ``what``, which names the source: "x printed a certificate"."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise DerError(f"{what} that is no base64") from exc


def split_der(data: bytes) -> list[bytes]:
    """Splits a sequence of certificates. Raises DerError where the data are no such sequence."""
    parts = []
    while data:
        header, length = 2, data[1] if len(data) > 1 else 0
        if length & 0x80:
            octets = length & 0x7F
            header, length = 2 + octets, int.from_bytes(data[2:2 + octets], "big")
        end = header + length
        if data[0] != 0x30 or end > len(data):
            raise DerError("a certificate chain is no sequence of DER certificates")
        parts.append(data[:end])
        data = data[end:]
    return parts


def pem(der: bytes) -> str:
    """Returns one certificate as PEM."""
    text = base64.b64encode(der).decode()
    lines = [text[start:start + 64] for start in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""])


def fingerprints(pem_text: str) -> list[str]:
    """Returns the SHA-256 of each certificate of a PEM text in lower case hex. Raises DerError for a damaged one."""
    blocks = ("".join(block.split()) for block in _BLOCK.findall(pem_text))
    return [hashlib.sha256(from_base64(block, "a PEM text holds a certificate")).hexdigest() for block in blocks]


def key_id(der: bytes) -> str:
    """Returns the subject key ID of a certificate in lower case hex, as SPIRE writes it; empty where it has none."""
    found = _KEY_ID.search(der)
    if not found:
        return ""
    length = found.group(2)[0]
    return der[found.end():found.end() + length].hex() if found.group(1)[0] == length + 2 else ""


def ends(der: bytes) -> int:
    """Returns when a certificate expires, in seconds since the epoch; 0 where that can't be read. See RFC 5280, 4.1.2.5."""
    found = _VALIDITY.search(der)
    if not found:
        return 0
    short, long = (part.decode() for part in (found.group(1) or b"", found.group(2) or b""))
    whole = long or f"{'19' if short >= '5' else '20'}{short}"
    return int(datetime.datetime.strptime(f"{whole}+0000", "%Y%m%d%H%M%S%z").timestamp())
