# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Calls spire-agent's command line. Private keys and tokens in its answers are dropped here."""

from __future__ import annotations

import base64
import json
from typing import Any

from ansible_collections.spire.fleet.plugins.module_utils.spire import der
from ansible_collections.spire.fleet.plugins.module_utils.spire.cli import Cli, reading


class SpireAgent(Cli):
    """The Workload API, by the agent's own command line."""

    program = "spire-agent"

    def fetch_x509(self) -> list[dict[str, Any]]:
        """Returns the X.509-SVIDs of the calling user, without their private keys."""
        answer = self._json(
            "api fetch x509", ["-timeout", f"{max(1, int(self.timeout))}s"], timeout=self.timeout + 5
        )
        svids = []
        with reading("spire-agent api fetch x509", "SVIDs"):
            for svid in answer.get("svids") or []:
                svids.append({
                    "spiffe_id": str(svid.get("spiffe_id", "")),
                    "hint": str(svid.get("hint", "")),
                    "certificates": _pem(svid.get("x509_svid")),
                    "bundle": _pem(svid.get("bundle")),
                })
        return svids

    def fetch_jwt_keys(self, audience: str) -> dict[str, list[str]]:
        """Returns the IDs of the keys that signed the calling user's JWT-SVIDs, and of the keys in its bundle, without the tokens."""
        text = self._checked(
            "api fetch jwt", ["-audience", audience, "-timeout", f"{max(1, int(self.timeout))}s", "-output", "json"], timeout=self.timeout + 5
        )
        found: dict[str, list[str]] = {"signing": [], "bundle": []}
        with reading("spire-agent api fetch jwt", "tokens and bundles"):
            for part in json.loads(text):
                found["signing"] += [_segment(svid["svid"].split(".")[0])["kid"] for svid in part.get("svids") or []]
                for document in (part.get("bundles") or {}).values():
                    found["bundle"] += [key["kid"] for key in _segment(document).get("keys") or []]
        return found


def _pem(encoded: Any) -> str:
    """Converts certificates that the agent has printed as DER in base64 to PEM."""
    data = der.from_base64(str(encoded or ""), "spire-agent api fetch x509 printed a certificate")
    return "".join(der.pem(one) for one in der.split_der(data))


def _segment(text: str) -> dict[str, Any]:
    """Decodes JSON in base64, with or without padding."""
    return dict(json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))))
