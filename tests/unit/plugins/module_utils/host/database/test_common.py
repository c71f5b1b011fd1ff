# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""TLS with a database means what it means to SPIRE's drivers, and each mistake in a certificate has its kind."""

from __future__ import annotations

import datetime
import socket
import ssl
import struct
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.host.database import common, mysql, postgres
from ansible_collections.spire.fleet.plugins.module_utils.host.database.common import DatabaseError
from tests.unit.builders.database_servers import PASSWORD, database, exactly, target

# The certificates are made on the controller's Python alone; the pythons of hosts have no library for that.
pytest.importorskip("cryptography", reason="this Python has no cryptography")
from cryptography import x509  # noqa: E402
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec  # noqa: E402
from cryptography.x509.oid import NameOID  # noqa: E402

NOW = datetime.datetime.now(datetime.timezone.utc)
SALT = b"12345678abcdefghijkl"


def write(directory: Path, name: str, issuer: Any = None, days: tuple[int, int] = (-1, 1), names: tuple[str, ...] = ()) -> Any:
    """Writes NAME.pem and NAME.key; returns the certificate and the key, as ``issuer`` of others."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer, signing_key = (issuer[0].subject, issuer[1]) if issuer else (subject, key)
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(signer).public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(NOW + datetime.timedelta(days=days[0])).not_valid_after(NOW + datetime.timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(issuer is None, None), True)
    )
    if names:
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), False)
    signed = made.sign(signing_key, hashes.SHA256())
    (directory / f"{name}.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    (directory / f"{name}.key").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ))
    return signed, key


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("certificates")
    issuer = write(directory, "ca")
    write(directory, "other")
    write(directory, "good", issuer, names=("localhost",))
    write(directory, "localhost", issuer)
    write(directory, "elsewhere", issuer, names=("db.acme.com",))
    write(directory, "expired", issuer, (-9, -2), ("localhost",))
    write(directory, "future", issuer, (2, 9), ("localhost",))
    (directory / "no.pem").write_text("no certificate", encoding="ascii")
    return directory


def context(files: Path, name: str, client: bool = False) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(files / f"{name}.pem", files / f"{name}.key")
    if client:
        made.verify_mode = ssl.CERT_REQUIRED
        made.load_verify_locations(files / "ca.pem")
    return made


def kind_of(files: Path, shown: str, modes: list[str], client: bool = False, **more: Any) -> str:
    """Returns the kind of error with a PostgreSQL that shows this certificate; one that TLS works with is not ready."""
    def answer(connection: socket.socket) -> None:
        assert exactly(connection, 8) == struct.pack("!ii", 8, 80877103)
        connection.sendall(b"S")
        with connection.dup() as plain, context(files, shown, client).wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as secured:
            try:
                secured.do_handshake()
                exactly(secured, struct.unpack("!i", exactly(secured, 4))[0] - 4)
                body = b"C57P03\0Mwait\0\0"
                secured.sendall(b"E" + struct.pack("!i", len(body) + 4) + body)
            except ssl.SSLError:
                # What the client has sent is read, because the end of the connection would overtake the alert otherwise.
                while plain.recv(1000):
                    pass

    with database(answer) as port, pytest.raises(DatabaseError) as caught:
        postgres.ask(target(port, modes=modes, **more))
    return caught.value.kind


@pytest.mark.parametrize(("shown", "mode", "ca", "kind"), [
    ("good", "verify-full", "ca", "not_ready"),
    ("good", "verify-full", "good", "not_ready"),
    ("good", "verify-full", "other", "untrusted"),
    ("good", "verify-full", "", "untrusted"),
    ("elsewhere", "verify-full", "ca", "wrong_name"),
    ("localhost", "verify-full", "ca", "wrong_name"),
    ("elsewhere", "verify-ca", "ca", "not_ready"),
    ("expired", "verify-full", "ca", "expired"),
    ("future", "verify-full", "ca", "expired"),
    ("expired", "verify-ca", "ca", "expired"),
    ("expired", "require", "", "not_ready"),
    ("expired", "require", "missing", "not_ready"),
    ("good", "require", "other", "untrusted"),
    ("good", "verify-full", "missing", "file"),
    ("good", "verify-full", "no", "file"),
])
def test_certificates_of_the_database(shown: str, mode: str, ca: str, kind: str, files: Path) -> None:
    assert kind_of(files, shown, [mode], ca=str(files / f"{ca}.pem") if ca else "") == kind


@pytest.mark.parametrize(("name", "kind"), [("good", "not_ready"), ("other", "client_certificate"), ("", "client_certificate")])
@pytest.mark.parametrize("delivered", [False, True])
def test_client_certificates(name: str, kind: str, delivered: bool, files: Path) -> None:
    pair = {"certificate": str(files / f"{name}.pem"), "key": str(files / f"{name}.key")} if name else {}
    contents = {f"/nowhere{path}": Path(path).read_text(encoding="ascii") for path in pair.values()} if delivered else {}
    given = {option: f"/nowhere{path}" if delivered else path for option, path in pair.items()}
    assert kind_of(files, "good", ["require"], client=True, contents=contents, **given) == kind


def test_a_key_that_does_not_belong_to_its_certificate(files: Path) -> None:
    given = target(1, certificate=str(files / "good.pem"), key=str(files / "other.key"))
    with pytest.raises(DatabaseError, match="other.key can't be used: key values mismatch"):
        common.context(given, "require")


def test_mysql_gets_the_whole_password_with_tls_alone(files: Path) -> None:
    """caching_sha2_password asks for the password where it is not in its cache."""
    got: list[bytes] = []

    def answer(connection: socket.socket) -> None:
        def send(number: int, body: bytes) -> None:
            line.sendall(struct.pack("<I", len(body))[:3] + bytes([number]) + body)

        def receive() -> bytes:
            return exactly(line, int.from_bytes(exactly(line, 4)[:3], "little"))

        line = connection
        send(0, b"\x0a8.4.0\0" + bytes(4) + SALT[:8] + b"\0\xff\xff\x2d\2\0\xff\xff\x15" + bytes(10) + SALT[8:] + b"\0caching_sha2_password\0")
        assert len(receive()) == 32
        line = context(files, "good").wrap_socket(connection, server_side=True)
        got.append(receive())
        send(3, b"\1\4")
        got.append(receive())
        send(5, b"\xff\x10\x04#08004full")

    with database(answer) as port, pytest.raises(DatabaseError, match="takes no more connections"):
        mysql.ask(target(port, modes=["verify-full"], ca=str(files / "ca.pem")))
    assert got[1] == PASSWORD.encode() + b"\0" and PASSWORD.encode() not in got[0]
