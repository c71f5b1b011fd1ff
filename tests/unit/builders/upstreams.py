# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds a small fleet whose server has an upstream CA of ours."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import keys as x509_keys
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.ensure import Outcome, Run
from tests.support.authorities import NOW, PASSPHRASE
from tests.unit.builders.fleets import planned

KEY, PEM, BUNDLE = (f"/etc/spire/server/main.upstream{end}" for end in (".key", ".pem", "-bundle.pem"))
DISK = {"cert_file_path": PEM, "key_file_path": KEY, "bundle_file_path": BUNDLE}
CSR_OF = x509_keys.generate("ec-p384")


def variables(tmp_path: Path, **more: Any) -> dict[str, Any]:
    """Returns the variables of a fleet whose CAs are in this directory on the controller."""
    return {"spire_pki": "controller", "spire_pki_dir": str(tmp_path), "spire_pki_passphrase": PASSPHRASE, **more}


def server(tmp_path: Path, **more: Any) -> Plan:
    """Returns the plan of its server."""
    return planned("server", **variables(tmp_path, **more))


def csr() -> str:
    """Returns a signing request, as the module on a host makes it."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(CSR_OF, hashes.SHA384()).public_bytes(serialization.Encoding.PEM).decode()


def made(tmp_path: Path, now: datetime.datetime = NOW, **more: Any) -> Outcome:
    """Ensures the upstream CA on the controller as a run does."""
    upstream = server(tmp_path, **more).upstream
    assert upstream is not None
    return upstream.ensure(csr() if upstream.key_on_host else "", Run(now))
