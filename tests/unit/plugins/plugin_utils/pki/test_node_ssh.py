# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SSH host certificates for sshpop: their principals, and CAs and keys in OpenSSH's format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from ansible_collections.spire.fleet.plugins.plugin_utils.pki import node_ssh
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import keys as x509_keys
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error
from tests.support.authorities import DAY, NOW, PASSPHRASE, written
from tests.support.errors import error_of
from tests.unit.builders.fleets import fleet
from tests.unit.builders.nodes import Nodes, problem_line


def test_names_in_ssh_certificates(tmp_path: Path) -> None:
    def principal(domain: str, host: str = "a1") -> str:
        own = {"plugins": {"NodeAttestor": {"sshpop": {"plugin_data": {"canonical_domain": domain}}}}}
        made = fleet(Nodes(tmp_path, "sshpop", spire_server_config=own).common, agents=(host,))
        node = plan("agent", host, made).node
        assert isinstance(node, node_ssh.Sshpop)
        return node.certificate_request.principal

    assert principal("acme.com") == "a1.acme.com"
    assert principal("acme.com", "web1.acme.com") == "web1.acme.com"
    nodes = Nodes(tmp_path, "sshpop")
    facts = nodes.made().after
    assert (facts["principals"], facts["key"], facts["not after"]) == ("a1", "ec-p256", "2031-01-02 00:00:00 UTC")
    node = nodes.plan("agent").node
    assert node is not None
    Path(node.key_files.certificate).write_text("nothing")
    with pytest.raises(X509Error, match=f"^{node.key_files.certificate} is not an SSH certificate.$"):
        nodes.made()


def test_a_supplied_ssh_ca_is_checked(tmp_path: Path) -> None:
    ours, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())

    def text(key: Any, passphrase: str = PASSPHRASE) -> str:
        return x509_keys.dump(key, passphrase).decode()

    def openssh(key: Any) -> str:
        return str(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()).decode())

    def line(key: Any) -> str:
        return str(key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode())

    def nodes(public: str, key: str) -> Nodes:
        return Nodes(tmp_path, "sshpop", spire_sshpop_issuer=written(tmp_path, public=public, key=key))

    assert nodes(line(ours), text(ours)).preflight("server") == ""
    assert nodes(line(ours), openssh(ours)).made().changed
    assert nodes(line(ours), text(ours)).made().differences == []
    for public_key, key, field, message in (
        (line(other), openssh(ours), "", f"The key in {tmp_path}/key and the public key in {tmp_path}/public don't belong together."),
        (line(ours), text(ours, "other"), ".key", f"The passphrase does not open the key in {tmp_path}/key, or the file is damaged."),
        ("nothing", text(ours), ".public", f"{tmp_path}/public is not a public key of OpenSSH."),
        (line(ours), "nothing", ".key", f"{tmp_path}/key holds no private key in PEM."),
    ):
        assert nodes(public_key, key).preflight("server") == problem_line(f"spire_sshpop_issuer{field}", message)
    assert nodes(line(ours), openssh(ours)).preflight("server") == problem_line(
        "spire_sshpop_issuer", f"{tmp_path}/key is not encrypted. Anyone who can read the key can issue certificates for this fleet. Encrypt it "
        "(openssl pkcs8 -topk8, or ssh-keygen -p for a key of OpenSSH), and set its mode to 0600.", "warning",
    )
    edwards = ed25519.Ed25519PrivateKey.generate()
    assert "is ed25519; SPIRE can use" in nodes(line(edwards), text(edwards)).preflight("server")
    # the CA's key may be kept elsewhere until something has to be signed
    made = nodes(line(ours), text(ours))
    (tmp_path / "key").unlink()
    assert made.preflight("server") == "" and made.made().differences == []
    with pytest.raises(X509Error, match=f"^{tmp_path}/key is not there, and the SSH CA SHA256:.* has to sign. Bring the key back for this run.$"):
        made.made(NOW + 320 * DAY)


def test_a_key_that_needs_another_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(_text: bytes, _passphrase: bytes | None) -> None:
        raise UnsupportedAlgorithm("Need bcrypt module")

    monkeypatch.setattr(node_ssh.serialization, "load_ssh_private_key", unsupported)
    file = tmp_path / "key"
    file.write_text("-----BEGIN OPENSSH PRIVATE KEY-----")
    assert error_of(X509Error, node_ssh._load_key, str(file), PASSPHRASE) == (
        f"The key in {file} is encrypted in OpenSSH's format, which needs bcrypt, and the controller's Python has none. Install it with: "
        f"pip install bcrypt; or convert the key: ssh-keygen -p -m PKCS8 -f {file}"
    )
