# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys and certificates in a directory, kept up to date by requests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import ensure as x509_ensure
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.ensure import Issuer, Outcome, Run
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.request import Request
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.store import KeyAndCertificateFiles
from tests.support.authorities import DAY, NOW, PASSPHRASE

ROOT = Request("CN=Root,O=Acme,C=US", 3650 * DAY, path_length=2, key_type="ec-p384")
OWN = Request("CN=One,O=Acme", 365 * DAY, path_length=1, key_type="ec-p256", renew_before=60 * DAY)


def place(directory: Path, name: str) -> KeyAndCertificateFiles:
    """Returns the files of the certificate and the key with this name."""
    return KeyAndCertificateFiles(str(directory / f"{name}.pem"), str(directory / f"{name}.key"))


def keep(directory: Path, name: str = "root", request: Request = ROOT, issuer: Issuer | None = None, **run: Any) -> Outcome:
    """Ensures key and certificate as a run does; ``run`` has the differences from a run at NOW."""
    return x509_ensure.ensure(place(directory, name), request, issuer, PASSPHRASE, Run(**{"now": NOW, **run}))


def issuer_in(directory: Path) -> Issuer:
    """Makes a root and returns it as an issuer."""
    root = keep(directory)
    return Issuer(place(directory, "root"), PASSPHRASE, root.certificates, root.certificates)


def contents(directory: Path) -> dict[str, bytes]:
    """Returns the contents of a directory's files, by their names."""
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir())}
