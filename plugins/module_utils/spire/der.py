# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates as bytes, for hosts: no library for X.509 is there."""

from __future__ import annotations

import base64
import binascii
import datetime
import hashlib
import re

#: the extension of a certificate that holds its subject key ID
_KEY_ID = re.compile(rb"\x06\x03\x55\x1d\x0e(?:\x01\x01\xff)?\x04(.)\x04(.)", re.DOTALL)
#: from when a certificate is valid, and to when: times with a year of two digits up to 2049, and of four after it
_VALIDITY = re.compile(rb"\x30.(?:\x17\x0d\d{12}Z|\x18\x0f\d{14}Z)(?:\x17\x0d(\d{12})Z|\x18\x0f(\d{14})Z)", re.DOTALL)
_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)


class DerError(ValueError):
    """Something else than certificates; the message holds nothing of it."""


def from_base64(text: str, what: str) -> bytes:
    """The bytes of a certificate, or of several; DerError begins with ``what``: who gave it, as in "x printed a certificate"."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise DerError(f"{what} that is no base64") from exc


def split_der(data: bytes) -> list[bytes]:
    """Cut certificates that stand one behind the other; DerError when they don't."""
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
    """One certificate as PEM."""
    text = base64.b64encode(der).decode()
    lines = [text[start:start + 64] for start in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""])


def fingerprints(pem_text: str) -> list[str]:
    """The SHA-256 of each certificate of a PEM text, as lower case hex; DerError for one that is damaged."""
    blocks = ("".join(block.split()) for block in _BLOCK.findall(pem_text))
    return [hashlib.sha256(from_base64(block, "a PEM text holds a certificate")).hexdigest() for block in blocks]


def key_id(der: bytes) -> str:
    """The subject key ID of a certificate, as SPIRE writes it: lower case hex; empty where it has none."""
    found = _KEY_ID.search(der)
    if not found:
        return ""
    length = found.group(2)[0]
    return der[found.end():found.end() + length].hex() if found.group(1)[0] == length + 2 else ""


def ends(der: bytes) -> int:
    """When a certificate expires, in seconds of the epoch; 0 where that can't be read. RFC 5280, 4.1.2.5."""
    found = _VALIDITY.search(der)
    if not found:
        return 0
    short, long = (part.decode() for part in (found.group(1) or b"", found.group(2) or b""))
    whole = long or f"{'19' if short >= '5' else '20'}{short}"
    return int(datetime.datetime.strptime(f"{whole}+0000", "%Y%m%d%H%M%S%z").timestamp())
