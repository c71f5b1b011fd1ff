# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SPIRE's own word on what the examples render to."""

from __future__ import annotations

import datetime
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.spire.fleet.plugins.plugin_utils import versions
from ansible_collections.spire.fleet.plugins.plugin_utils.plan import Plan

from tests.support import examples, spire_bin

#: where the examples' hosts have certificates; SPIRE reads some of them when it validates
PKI = "/etc/spire/pki/"


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a CA certificate under every name that an example uses."""
    directory = tmp_path_factory.mktemp("pki")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "example")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now).not_valid_after(now + datetime.timedelta(1))
        .add_extension(x509.BasicConstraints(True, None), True).sign(key, hashes.SHA256())
    )
    for stem in ("hosts-ca.pem", "db-ca.pem", "host.pem"):
        (directory / stem).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return directory


def validate(binary: Path, text: str, directory: Path) -> subprocess.CompletedProcess[str]:
    file = directory / "example.conf"
    file.write_text(text, encoding="utf-8")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SPIRE_")}
    command = [str(binary), "validate", "-config", str(file)]
    return subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("name", examples.names())
def test_spire_takes_what_the_example_renders(
    name: str, spire_binary: Callable[..., Path], pki: Path, tmp_path: Path
) -> None:
    version = spire_bin.binary_version(spire_binary("spire-server"))
    assert versions.parse(version)
    judged: list[Plan] = []
    for planned in examples.plans(examples.fleet(name, spire_version=version)):
        assert str(planned.version) == version
        binary = spire_binary(f"spire-{planned.component}")
        done = validate(binary, planned.render().replace(PKI, f"{pki}/"), tmp_path)
        assert done.returncode == 0, f"{planned.host}: {done.stdout}{done.stderr}"
        judged.append(planned)
    assert judged


def test_spire_refuses_what_is_wrong(spire_binary: Callable[..., Path], tmp_path: Path) -> None:
    planned = next(examples.plans(examples.fleet("minimal")))
    wrong = planned.render().replace("bind_port", "bind_prot")
    assert validate(spire_binary("spire-server"), wrong, tmp_path).returncode != 0
