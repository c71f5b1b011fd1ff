# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds the probe's observations of a host that is exactly as planned. Tests change parts of them."""

from __future__ import annotations

import base64
import datetime
import functools
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.spire.fleet.plugins.plugin_utils.drift.probe import request_of
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan

NOW = datetime.datetime(2030, 1, 2, tzinfo=datetime.timezone.utc)
HOUR = datetime.timedelta(hours=1)
AGENT_ID = "spiffe://prod.acme.com/spire/agent/join_token/one"
SERVER = {"agents": {AGENT_ID: {"id": AGENT_ID, "banned": False}}, "bundle": "PEM", "fingerprints": []}


@functools.lru_cache(maxsize=None)
def certificate(*uris: str, expires: datetime.datetime = NOW + HOUR) -> x509.Certificate:
    """Returns a certificate with these URI names, one hour old at NOW."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([])
    builder = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
        .not_valid_before(NOW - HOUR).not_valid_after(expires)
    )
    if uris:
        names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri) for uri in uris])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(key, hashes.SHA256())


def chain(*uris: str, expires: datetime.datetime = NOW + HOUR) -> list[str]:
    """Returns an SVID as agent-data.json keeps it."""
    der = certificate(*uris, expires=expires).public_bytes(serialization.Encoding.DER)
    return [base64.b64encode(der).decode()]


def state(mode: str, owner: str, group: str, content: str | None = None) -> dict[str, Any]:
    """Returns the state of a file or directory that exists."""
    found: dict[str, Any] = {"exists": True, "mode": mode, "owner": owner, "group": group, "directory": content is None}
    if content is not None:
        found["content"] = base64.b64encode(content.encode()).decode()
    return found


def converged(plan: Plan) -> dict[str, Any]:
    """Returns the state of a host that is as planned, with its process running and its agent attested."""
    files = {file.name: state(file.mode, file.owner, file.group, file.content) for file in plan.files}
    if plan.component == "agent":
        files["bundle"] = state("0644", "root", "root", "a bundle that was rotated long ago")
    files.setdefault("delivered", {"exists": False})
    assert set(files) == set(request_of(plan).files)
    return {
        "machine": "x86_64",
        "user": {"exists": True, "group": True},
        "files": files,
        "keys": {name: {**state("0600", plan.user, plan.user), "belongs": True} for name in request_of(plan).keys},
        "directories": {one.path: state(one.mode, one.owner, one.group) for one in (*plan.parents, *plan.directories)},
        "impassable": [],
        "temporary_files": [],
        "obsolete_files": [],
        "kept": "",
        "was_healthy": True,
        "datastore": True if plan.datastore_file else None,
        "link": str(plan.version) if plan.versioned else "",
        "release": [],
        "binary": {"exists": True, "version": "" if plan.versioned else str(plan.version), "machine": "amd64"},
        "service": {"state": "active", "running": True, "healthy": True, "enabled": True, "reload": False, "pid": 7},
        "started_with_old_files": [],
        "binary_changed": False,
        "answers": True,
        "taken_ports": [],
        "silent_ports": [],
        "plugins": [
            {"path": one.path, "exists": True, "release": [], "other": "", "machine": "", "runs": True, "data_file": True}
            for one in plan.commands
        ],
        "identity": {"chain": chain(AGENT_ID), "key": True} if plan.component == "agent" else {},
    }
