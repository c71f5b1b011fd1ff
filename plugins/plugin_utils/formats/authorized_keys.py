# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads SSH public keys in the format of authorized_keys as Go's ssh.ParseAuthorizedKey does. No message shows a part of a key."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

_ECDSA = ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521")
#: the number of strings that follow the type inside a key, for each type
_FIELDS = {
    "ssh-rsa": 2, "ssh-dss": 4, "ssh-ed25519": 1, "sk-ssh-ed25519@openssh.com": 2, "sk-ecdsa-sha2-nistp256@openssh.com": 3,
    **dict.fromkeys(_ECDSA, 2),
}
_ED25519_BYTES = 32
_CERTIFICATE = "-cert-v01@openssh.com"
_BLANK = re.compile(r"[ \t]+")
#: the options that may stand before a type: words, and texts in quotes, which may contain blanks
_OPTIONS = re.compile(r'(?:[^ \t"]|"(?:[^"\\]|\\.)*")*(?=[ \t])')


class KeyLineError(ValueError):
    """No key can be read. The message is a clause, to be put after a colon."""


@dataclass(frozen=True)
class Key:
    """An SSH public key: the type that is written before it, and the type that is encoded in it."""

    declared: str
    encoded: str

    @property
    def shown_type(self) -> str:
        """The type written before the key where it is one that SSH knows; any other word may be a part of a key and is not shown."""
        return self.declared if self.declared in _FIELDS else "another word"


def first(text: str) -> Key:
    """Returns the first key of the lines; raises KeyLineError with the reason why the last candidate is not a key."""
    reason = "it is empty"
    for line in text.split("\n"):
        line = line.split("\r")[0].strip()
        if not line or line.startswith("#"):
            continue
        try:
            return _key(line)
        except KeyLineError as exc:
            reason = str(exc)
            options = _OPTIONS.match(line)
            rest = line[options.end() :].lstrip(" \t") if options else ""
            try:
                return _key(rest)
            except KeyLineError as again:
                # Options before a key are rare, so the message is about the text after them only where that begins with a type of keys.
                reason = str(again) if rest.split(" ")[0] in _FIELDS else reason
    raise KeyLineError(reason)


def _key(line: str) -> Key:
    declared, *rest = _BLANK.split(line, maxsplit=2)
    # A first word that is no type may be a part of a key, so it is not shown.
    first_word = declared if declared in _FIELDS else "its first word"
    if not rest:
        raise KeyLineError(f"there is no key after {first_word}")
    try:
        blob = base64.b64decode(rest[0], validate=True)
    except (binascii.Error, ValueError):
        raise KeyLineError(f"the text after {first_word} is not Base64, or it is incomplete") from None
    encoded, blob = _string(blob, first_word)
    name = encoded.decode("ascii", "replace")
    if name.endswith(_CERTIFICATE):
        return Key(declared, name)  # SPIRE accepts certificates
    if name not in _FIELDS:
        raise KeyLineError(f"the text after {first_word} is not a key of a type that SPIRE knows")
    for _number in range(_FIELDS[name]):
        value, blob = _string(blob, first_word)
        if name.endswith("ssh-ed25519") and len(value) != _ED25519_BYTES:
            raise KeyLineError(f"the key after {first_word} has {len(value)} bytes, but an Ed25519 key has {_ED25519_BYTES}")
    if blob:
        raise KeyLineError(f"the text after {first_word} is longer than its key")
    return Key(declared, name)


def _string(blob: bytes, first_word: str) -> tuple[bytes, bytes]:
    size = int.from_bytes(blob[:4], "big")
    if len(blob) < 4 + size or len(blob) < 4:
        raise KeyLineError(f"the key after {first_word} is incomplete")
    return blob[4 : 4 + size], blob[4 + size :]
