# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the bundles and the certificate chains of a running server or agent. All of them are public; the controller evaluates them."""

from __future__ import annotations

import base64
import json
import os
import socket
import ssl
import uuid
from typing import Any

from ansible_collections.spire.fleet.plugins.module_utils.spire.agent_cli import SpireAgent
from ansible_collections.spire.fleet.plugins.module_utils.spire.cli import SpireCliError
from ansible_collections.spire.fleet.plugins.module_utils.spire.server_cli import SpireServer

HANDSHAKE_SECONDS = 5.0


def of_server(server: SpireServer, address: str, port: int) -> dict[str, Any]:
    """Returns the server's authorities, its bundle, and the certificate that it shows to agents."""
    bundle = server.bundle_authorities()
    return {
        "authorities": server.authorities("x509"),
        "bundle": bundle["x509"],
        "jwt": bundle["jwt"],
        "shown": shown(address, port),
    }


def of_agent(agent: SpireAgent, data_dir: str, ask: bool, jwt: bool = False) -> dict[str, Any]:
    """Returns the agent's own SVID and bundle from its data directory and, with ``ask``, the SVIDs that a workload gets."""
    found: dict[str, Any] = {"chain": [], "bundle": [], "svids": [], "error": ""}
    try:
        with open(os.path.join(data_dir, "agent-data.json"), encoding="utf-8") as file:
            kept = json.load(file)
        found["chain"], found["bundle"] = list(kept.get("svid") or []), list(kept.get("bundle") or [])
    except (OSError, ValueError, AttributeError) as exc:
        found["error"] = f"agent-data.json in {data_dir} can't be read: {exc}"
    if ask:
        try:
            found["svids"] = agent.fetch_x509()
            if jwt:
                # The agent has no cached token for an audience that was never asked for.
                found["jwt"] = agent.fetch_jwt_keys(f"spire-fleet-{uuid.uuid4().hex}")
        except SpireCliError as exc:
            found["error"] = exc.message
    return found


def shown(address: str, port: int) -> str:
    """Returns the certificate that a TLS server shows, in base64. It is not verified, because it is only compared."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)
    try:
        with socket.create_connection((host, port), HANDSHAKE_SECONDS) as plain, context.wrap_socket(plain) as secured:
            return base64.b64encode(secured.getpeercert(binary_form=True) or b"").decode()
    except OSError as exc:
        raise SpireCliError(f"the server shows no certificate at {host}:{port}: {exc}") from exc
