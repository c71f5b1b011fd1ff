# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes the external plugin of the tests as a program, with a root to sign with and, for other hosts, Python's gRPC."""

from __future__ import annotations

import base64
import datetime
import hashlib
import io
import sys
import tarfile
from pathlib import Path

import _cffi_backend
import cffi
import cryptography
import grpc
import typing_extensions
from cryptography import x509

from tests.support import authorities

SOURCE = Path(__file__).with_name("upstream_plugin.py")
#: the only PIN that the plugin accepts
PIN = "hidden-pin"


def write(path: Path, salt: str = "", python: str = sys.executable) -> str:
    """Writes the plugin as a program of its own; returns its checksum."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = f"#!{python} -B\n{SOURCE.read_text(encoding='utf-8')}# {salt}\n"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return hashlib.sha256(text.encode()).hexdigest()


def write_root(directory: Path) -> x509.Certificate:
    """Writes root.pem and root.key."""
    now = datetime.datetime.now(datetime.timezone.utc)
    made = authorities.make("outer root", starts=now - datetime.timedelta(hours=1), ends=now + datetime.timedelta(30))
    (directory / "root.pem").write_text(made.pem, encoding="utf-8")
    (directory / "root.key").write_text(made.key_pem(), encoding="utf-8")
    certificate: x509.Certificate = made.certificate
    return certificate


def libraries() -> str:
    """Returns the packages that it imports, as a tar archive in base64, for a host with the same Python."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz", compresslevel=1) as archive:
        for module in (_cffi_backend, cffi, cryptography, grpc, typing_extensions):
            place = Path(module.__file__ or "")
            place = place.parent if place.name == "__init__.py" else place
            archive.add(place, place.name)
    return base64.b64encode(content.getvalue()).decode()
