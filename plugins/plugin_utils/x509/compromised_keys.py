# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Knows the certificates and keys that SPIRE published together with the private key, so that nobody may trust them."""

from __future__ import annotations

import functools
import hashlib

from ansible_collections.spire.fleet.plugins.plugin_utils.common.cryptography_import import UnsupportedAlgorithm, x509
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import public_info
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.request import fingerprint

#: names of the published files in SPIRE's releases and examples. Preflight knows only the names of files on hosts, not their contents.
DUMMY_FILES = frozenset(
    "dummy_upstream_ca.crt dummy_upstream_ca.key dummy_root_ca.crt dummy_ssh_cert_authority.pub agent-cacert.pem".split()
)

#: the SHA-256 of each published certificate, and the releases that contain it
CERTIFICATES = {
    "c3481837111b9bf7b3d4afb289c9e37c2d0efef3217db3487e94861bf3652fc6": "SPIRE 0.2",
    "c46884929fd6e82aa806acc7710c4308c59916f28d94a6de680985ec9f949cfe": "SPIRE 0.3 and 0.4",
    "704f5ebb533f4657df3e098a4586b191de98546281933c08beb9962560f11a53": "SPIRE 0.5",
    "04a424d08eff852d872fba83ed75ac76969e06c13b84f32dd538b65bbe928376": "SPIRE 0.6.0 to 1.6.3",
    "99688bb8f395310b2f72c5983c91b1b16551661a861a1ab2e92482050389b592": "SPIRE 1.6.4 to 1.15.3",
    "ddc44a04fdbf7605b0394cabb2d2f673eebe41d3b2f30e7df56cd0d09e1f830c": "the examples of SPIRE 0.8",
    "9aee05d537016b73ba15800538225b2151b8fb4a89ea5ce05b9d8989a1933efb": "the examples of SPIRE 0.8",
    "e9935aeb49eabc7f23e95966735ca5f0ef0607aecf40b940f24b99c98fe78a1b": "the examples of SPIRE 0.8",
}

#: the SHA-256 of each public key, which also finds other certificates of the same key
PUBLIC_KEYS = frozenset(
    {
        "4025f19915efa7666c3ea856b067e8cc722e738ddaf5dbed6c640b8b260fc07d",
        "5f523912479de8a3256976b68da8379bdff1b00d6b02e1be2d62906f7e1977a1",
        "bd43ac0db26ec80cd0f082b29a9d48d5243bfda69a3e9809e1b1570a49ba053e",
        "02533a25065d433bf15485726344d7d0fcb0ecf788d22d228c49d3cbef96aba5",
        "916e6f587ebd0c88b356da72d0f430db92ae37c1a9cd8617de9d6179df8fc577",
        "aef5e4f3b06b3259c7e5ec31c7f6ea822c28407419bca032878699284cc1627a",
        "eb7b6e85980b0865bba0d76b3dd876d5477d47bbcb25680851733953cb41788e",
        "f454f70d4bf8beaf532b2ed88475a807ea7b40653bb8451b6a8a2eca22fa1809",
    }
)

#: the public keys of published SSH CAs
SSH_AUTHORITIES = ("AAAAC3NzaC1lZDI1NTE5AAAAIEAWPAsKJ/qMYUIBeH7BLMRCE/bkUvMHX+7OZhANk45S",)


@functools.lru_cache(maxsize=64)
def publishing_releases(pem: str) -> str:
    """Returns the releases that contain the private key of one of these certificates; empty where none of them does."""
    try:
        certificates = x509.load_pem_x509_certificates(pem.encode())
    except ValueError:
        return ""
    for certificate in certificates:
        whole = fingerprint(certificate)
        if whole in CERTIFICATES or _public_key_sha256(certificate) in PUBLIC_KEYS:
            return CERTIFICATES.get(whole, "SPIRE")
    return ""


def _public_key_sha256(certificate: x509.Certificate) -> str:
    """Returns the SHA-256 of a certificate's public key; empty for a type of key that the library does not know."""
    try:
        return hashlib.sha256(public_info(certificate.public_key())).hexdigest()
    except (ValueError, UnsupportedAlgorithm):
        return ""
