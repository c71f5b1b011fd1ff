# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A person's private keys on a host, as the host describes them: whether SPIRE can use them, and whether they belong to their certificates.

SPIRE's readers differ. Go's tls takes the first key of a file whatever stands before it. SPIRE's own pemutil, which the plugin disk uses,
takes a file with one block only. That of SSH takes the first block, also in OpenSSH's form.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.cryptography_import import UnsupportedAlgorithm, ec, serialization
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.files import KeyPair
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import keys as x509_keys
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error

#: the title of the PEM block of each form of a key
TITLES = {"pkcs8": "PRIVATE KEY", "pkcs1": "RSA PRIVATE KEY", "sec1": "EC PRIVATE KEY"}
#: what Go reads in PKCS #8 besides RSA and EC: Ed25519, by its object identifier
_KNOWN = ("rsa", "ec", "1.3.101.112")
_CURVES = ("secp224r1", "secp256r1", "secp384r1", "secp521r1")


def one_block(option: str) -> bool:
    """Whether SPIRE takes only a file of one kind of blocks there, and of one block for a key."""
    return option.startswith(("plugins.UpstreamAuthority.disk.", "plugins.UpstreamCA.disk."))


def mistakes(pair: KeyPair, state: Mapping[str, Any], certificates: Sequence[str]) -> tuple[list[str], list[str]]:
    """Returns what is wrong with a key, and what could not be checked. ``certificates`` are those in the file of its certificate."""
    ssh, key = ".sshpop." in pair.key_option, state.get("key")
    if not key:
        kinds = f" It contains {', '.join(state['blocks'])}." if state["blocks"] else ""
        return [f"{pair.key} contains no private key in PEM.{kinds}"], []
    wrong = [*_wrong_form(pair, state["blocks"], key, ssh), *_wrong_kind(pair.key, key, ssh)]
    if wrong:
        return wrong, []
    if not key["public"]:
        return [], [
            f"{pair.key} does not contain the key's public half, and the host has no openssl to compute it, so nobody has compared the key with "
            f"{pair.certificate}."
        ]
    return _apart(pair, key, certificates, ssh), []


def _wrong_form(pair: KeyPair, blocks: Sequence[str], key: Mapping[str, Any], ssh: bool) -> Iterator[str]:
    strict = one_block(pair.key_option)
    if (strict and len(blocks) > 1) or (ssh and blocks[0] != key["kind"]):
        what = "a block EC PARAMETERS before the key" if "EC PARAMETERS" in blocks else f"{len(blocks)} blocks of PEM: {', '.join(blocks)}"
        yield f"{pair.key} contains {what}, and SPIRE takes only the key there. Write a file with the key alone: openssl pkey -in {pair.key} -out FILE."
    if key["encrypted"]:
        yield f"The key in {pair.key} is encrypted, and SPIRE has no passphrase for it. Write it without one: openssl pkey -in {pair.key} -out FILE."
    elif not key["form"]:
        yield f"The key in {pair.key} can't be read: its block {key['kind']} is damaged."
    elif key["form"] == "openssh":
        if not ssh:
            yield (
                f"The key in {pair.key} has the form of OpenSSH, which SPIRE does not read there. Convert a copy of it: ssh-keygen -p -N '' -m PEM "
                "-f FILE."
            )
    elif (strict or ssh) and key["kind"] != TITLES[key["form"]]:
        yield (
            f"The block in {pair.key} is called {key['kind']}, and its content is that of {TITLES[key['form']]}. Write it anew: openssl pkey -in "
            f"{pair.key} -out FILE."
        )


def _wrong_kind(path: str, key: Mapping[str, Any], ssh: bool) -> Iterator[str]:
    algorithm = key["algorithm"]
    if algorithm == "ec-explicit":
        yield (
            f"The key in {path} describes its curve by numbers, and SPIRE wants its name. Write it anew: openssl ec -in {path} -param_enc named_curve "
            "-out FILE."
        )
    elif algorithm not in (*_KNOWN, "") and key["form"] != "openssh":
        yield f"The key in {path} is of a type that SPIRE does not read ({algorithm}). Use an ECDSA or RSA key."
    elif algorithm == "ec" and not ssh:
        curve = _curve(key)
        if curve and curve not in _CURVES:
            yield f"The key in {path} is of the curve {curve}, which SPIRE does not read. Use the curve P-256 or P-384."


def _curve(key: Mapping[str, Any]) -> str:
    public = _public(key)
    return str(public.curve.name) if isinstance(public, ec.EllipticCurvePublicKey) else ""


def _public(key: Mapping[str, Any]) -> Any:
    """Returns the public half; None where the library does not know it."""
    try:
        if key["form"] == "openssh":
            return serialization.load_ssh_public_key(f"{key['algorithm']} {key['public']}".encode())
        return serialization.load_der_public_key(base64.b64decode(key["public"]))
    except (ValueError, UnsupportedAlgorithm):
        return None


def _apart(pair: KeyPair, key: Mapping[str, Any], certificates: Sequence[str], ssh: bool) -> list[str]:
    """Returns that the key does not belong to the first certificate of its file."""
    public, owners = _public(key), _owners(certificates, pair.certificate, ssh)
    if public is None or not owners:
        return []
    own = x509_keys.public_info(public)
    places = [index for index, owner in enumerate(owners) if x509_keys.public_info(owner) == own]
    if 0 in places:
        return []
    if places:
        return [
            f"The key in {pair.key} belongs to certificate number {places[0] + 1} of {pair.certificate}, and SPIRE takes the first one. Write the "
            "key's own certificate first, and after each certificate the one that issued it."
        ]
    return [
        f"The key in {pair.key} and the {'' if ssh else 'first '}certificate in {pair.certificate} don't belong together: their public keys differ. "
        "Put the key there that the certificate was issued for, or have another certificate issued."
    ]


def _owners(certificates: Sequence[str], file: str, ssh: bool) -> list[Any]:
    """Returns the public keys of certificates; empty where they can't be read, which is reported elsewhere."""
    try:
        if ssh:
            return [serialization.load_ssh_public_identity(text.encode()).public_key() for text in certificates[:1]]
        return [one.public_key() for one in x509_keys.load_certificates("\n".join(certificates).encode(), file)]
    except (X509Error, ValueError, UnsupportedAlgorithm):
        return []
