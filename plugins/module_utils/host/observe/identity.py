# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Observes keys, certificates and an agent's own SVID on a host. Nothing of a private key is returned."""

from __future__ import annotations

import base64
import json
import os
import re
from typing import Any, Dict, List

from ansible_collections.spire.fleet.plugins.module_utils.host.observe import files

#: the certificates in a file, of X.509 and of SSH; a private key in the same file does not match
CERTIFICATE = re.compile(
    rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----|^[a-z0-9@.-]+-cert-v01@openssh\.com [A-Za-z0-9+/=]+", re.DOTALL | re.MULTILINE
)


def private_key(path: str, public: str) -> Dict[str, Any]:
    """Returns the owner and mode of a private key in PEM, and whether ``public`` (in hex) is its public half."""
    found = files.file(path, content=False)
    found["belongs"] = False
    try:
        with open(path, "rb") as opened:
            text = opened.read()
    except OSError:
        return found
    match = re.search(rb"-----BEGIN (?:EC |RSA |)PRIVATE KEY-----\s+([A-Za-z0-9+/=\s]+)-----END ", text)
    if match and public:
        try:
            # Key files hold the public half as well: the curve's point, or the modulus.
            found["belongs"] = bytes.fromhex(public) in base64.b64decode(match.group(1))
        except ValueError:
            # The file is damaged, so the key belongs to no certificate.
            pass
    return found


def certificates(path: str) -> List[str]:
    """Returns the certificates in a file, and nothing else of it."""
    try:
        with open(path, "rb") as opened:
            return pem_certificates(opened.read())
    except (OSError, ValueError):
        return []


def pem_certificates(content: bytes) -> List[str]:
    """Returns the certificates in the content of a file."""
    return [found.decode() for found in CERTIFICATE.findall(content)]


def agent_svid(asked: Dict[str, Any]) -> Dict[str, Any]:
    """Returns the chain of the agent's own SVID from its data directory, and whether its key's file exists."""
    found: Dict[str, Any] = {"chain": [], "key": not asked["key"] or os.path.exists(asked["key"])}
    data = os.path.join(asked["data_dir"], "agent-data.json")
    try:
        with open(data, encoding="utf-8") as opened:
            found["chain"] = list(json.load(opened).get("svid") or [])
    except (OSError, ValueError, AttributeError, TypeError):
        # Up to 1.2 the SVID was a file of its own.
        try:
            with open(os.path.join(asked["data_dir"], "agent_svid.der"), "rb") as opened:
                found["chain"] = [base64.b64encode(opened.read()).decode()]
        except OSError:
            pass
    return found
