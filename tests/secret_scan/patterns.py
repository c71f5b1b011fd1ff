# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The patterns to search for: all forms in which a secret may leak: plain, in base64 at every alignment, in hex, escaped, and parts of a key."""

from __future__ import annotations

import base64
import dataclasses
import json
import re
import urllib.parse
from collections.abc import Iterable, Iterator
from typing import Any

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

#: the least number of characters of a secret; a shorter text would be found by chance
SHORTEST = 8
#: the least number of bytes of a key's private half in a line that is searched for
PART = 8
#: the number of bytes that a line of PEM encodes
LINE = 48
FORMATS = (serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL)
PEM = re.compile(rb"-----BEGIN ([A-Z ]*)PRIVATE KEY-----.+?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL)
#: the characters between lines, and between bytes in a hex dump; and the escaped forms of a line's end
SPACES, ENDS = b" \t\n\r:", re.compile(rb"\\+[nrt]")


@dataclasses.dataclass(frozen=True)
class Secret:
    """A secret that is or was in use; `texts` are its unmistakable parts as text, `numbers` those in bytes."""

    kind: str
    name: str
    texts: tuple[bytes, ...] = ()
    numbers: tuple[bytes, ...] = ()

    @property
    def identity(self) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
        """Returns what identifies the secret wherever it is found."""
        return self.texts if not self.numbers else (), self.numbers

    def forms(self) -> set[bytes]:
        """Returns the texts to search for, each on one line."""
        found: set[bytes] = set()
        for text in self.texts:
            found |= set(_encoded(text)) | set(_escaped(text))
        for number in self.numbers:
            found |= set(_encoded(number)) | {str(int.from_bytes(number, "big")).encode()}
        return {form for form in found if len(form) >= SHORTEST}

    def as_json(self) -> dict[str, Any]:
        encode = [[base64.b64encode(one).decode() for one in some] for some in (self.texts, self.numbers)]
        return {"kind": self.kind, "name": self.name, "texts": encode[0], "numbers": encode[1]}

    @classmethod
    def of_json(cls, data: dict[str, Any]) -> Secret:
        return cls(data["kind"], data["name"], *(tuple(base64.b64decode(one) for one in data[name]) for name in ("texts", "numbers")))


def text(kind: str, name: str, value: str) -> Secret | None:
    """Returns a secret for a token or a password; None if it is too short to be distinguished from other text."""
    lines = [line.encode() for line in value.splitlines() if len(line) >= SHORTEST]
    return Secret(kind, name, tuple(lines)) if lines else None


def key(name: str, loaded: Any) -> Secret | None:
    """Returns a secret for a private key, with the lines of its PEM; None for a type that nothing here uses."""
    if isinstance(loaded, ed25519.Ed25519PrivateKey):
        # A host's SSH server has such a key, in OpenSSH's own format, so the search is only for its bytes.
        return Secret("key", name, (), (loaded.private_bytes_raw(),))
    if isinstance(loaded, ec.EllipticCurvePrivateKey):
        private = [loaded.private_numbers().private_value]
    elif isinstance(loaded, rsa.RSAPrivateKey):
        numbers = loaded.private_numbers()
        private = [numbers.d, numbers.p, numbers.q]
    else:
        return None
    halves = tuple(number.to_bytes((number.bit_length() + 7) // 8, "big") for number in private)
    lines = {line for kind in FORMATS for line in _private_lines(loaded, kind, halves)}
    return Secret("key", name, tuple(sorted(lines)), halves)


def keys_in(content: bytes, name: str, passphrases: Iterable[str] = ()) -> Iterator[Secret]:
    """Yields the private keys of a file, in PEM, or in base64 as SPIRE's disk KeyManager keeps them."""
    for match in PEM.finditer(content):
        encrypted = b"ENCRYPTED" in match[1]
        for passphrase in passphrases if encrypted else [""]:
            found = _loaded(match[0], passphrase, pem=True)
            if found is not None:
                yield from _one(key(name, found))
                break
    if content.lstrip().startswith(b"{") and b'"keys"' in content:
        try:
            kept = json.loads(content)["keys"]
        except (ValueError, KeyError, TypeError):
            return
        for which, encoded in kept.items() if isinstance(kept, dict) else ():
            found = _loaded(base64.b64decode(encoded), "", pem=False)
            if found is not None:
                yield from _one(key(f"{name} ({which})", found))


def _one(found: Secret | None) -> Iterator[Secret]:
    if found is not None:
        yield found


def _loaded(content: bytes, passphrase: str, pem: bool) -> Any:
    load = serialization.load_pem_private_key if pem else serialization.load_der_private_key
    if b"OPENSSH" in content[:40]:
        load = serialization.load_ssh_private_key
    try:
        return load(content, passphrase.encode() or None)
    except (ValueError, TypeError):
        return None


def _private_lines(loaded: Any, kind: serialization.PrivateFormat, halves: tuple[bytes, ...]) -> Iterator[bytes]:
    """Returns the lines of PEM that hold a part of the private half; they also stand in one long line of base64."""
    content = loaded.private_bytes(serialization.Encoding.DER, kind, serialization.NoEncryption())
    for first in range(0, len(content), LINE):
        part = content[first:first + LINE]
        for half in halves:
            start = content.find(half)
            if min(first + len(part), start + len(half)) - max(first, start) >= PART:
                yield base64.b64encode(part).rstrip(b"=")


def _encoded(value: bytes) -> Iterator[bytes]:
    yield value.hex().encode()
    yield value.hex().upper().encode()
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + value)
        inner = encoded[-(-before * 8 // 6):(before + len(value)) * 8 // 6]
        yield inner
        yield inner.translate(bytes.maketrans(b"+/", b"-_"))


def _escaped(value: bytes) -> Iterator[bytes]:
    yield value
    decoded = value.decode("utf-8", "replace")
    escaped = json.dumps(decoded)[1:-1]
    yield from (one.encode() for one in (
        escaped, json.dumps(decoded, ensure_ascii=False)[1:-1], json.dumps(escaped)[1:-1], repr(decoded)[1:-1], decoded.replace("'", "''"),
        decoded.replace("'", "'\"'\"'"), urllib.parse.quote(decoded, safe=""), yaml.safe_dump(decoded, width=10**6).split("\n", 1)[0],
    ))


def squeezed(content: bytes) -> bytes:
    """Removes what may separate lines, so that a secret that spans several is found."""
    return ENDS.sub(b"", content.translate(None, SPACES))
