# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the host of an agent says about the address of its server, with real sockets and real TLS."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ansible_collections.spire.fleet.plugins.module_utils.host.observe import reach
from tests.unit.builders.sockets import listener

SERVER = "spiffe://prod.acme.com/spire/server"
NOW = datetime.datetime.now(datetime.timezone.utc)
HOUR = datetime.timedelta(hours=1)


@pytest.fixture
def serving() -> Iterator[Callable[[Callable[[socket.socket], None]], int]]:
    """`serving(answer)` answers one connection, and returns the port."""
    made: list[socket.socket] = []

    def serve(answer: Callable[[socket.socket], None]) -> int:
        server = listener(socket.AF_INET, "127.0.0.1")
        made.append(server)

        def once() -> None:
            client, _address = server.accept()
            with client:
                answer(client)

        threading.Thread(target=once, daemon=True).start()
        return int(server.getsockname()[1])

    yield serve
    for server in made:
        server.close()


def tls(directory: Path, spiffe_id: str) -> Callable[[socket.socket], None]:
    """Returns an answer by TLS with a certificate of this SPIFFE ID."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([])
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(NOW).not_valid_after(NOW + HOUR)
        .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(spiffe_id)]), critical=False)
    )
    path = directory / "server.pem"
    path.write_bytes(
        certificate.sign(key, SHA256()).public_bytes(Encoding.PEM) + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)

    def answer(client: socket.socket) -> None:
        with context.wrap_socket(client, server_side=True) as secured:
            secured.recv(1)

    return answer


def test_a_server_is_reached(serving: Callable[..., int], tmp_path: Path) -> None:
    assert reach.problem("127.0.0.1", serving(tls(tmp_path, SERVER)), SERVER) == ""


def test_a_name_that_is_unknown_for_a_moment_is_tried_again(serving: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, failures = socket.create_connection, [socket.gaierror(socket.EAI_NONAME, "Name or service not known")]

    def connect(*arguments: object) -> socket.socket:
        if failures:
            raise failures.pop()
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(reach, "PAUSE", 0)
    monkeypatch.setattr(socket, "create_connection", connect)
    assert reach.problem("127.0.0.1", serving(tls(tmp_path, SERVER)), SERVER) == "" and not failures


def test_another_program_is_no_server(serving: Callable[..., int], tmp_path: Path) -> None:
    found = reach.problem("127.0.0.1", serving(tls(tmp_path, "spiffe://other.org/spire/server")), SERVER)
    assert found == f"what answers there is not {SERVER}"


def test_a_load_balancer_without_servers_closes_the_connection(serving: Callable[..., int]) -> None:
    assert reach.problem("127.0.0.1", serving(lambda client: None), SERVER) == (
        "the connection is closed at once, as by a load balancer that reaches no server"
    )


def test_a_service_without_tls(serving: Callable[..., int]) -> None:
    assert reach.problem("127.0.0.1", serving(lambda client: client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")), SERVER).startswith(
        "what answers there speaks no TLS: "
    )


def test_nobody_listens_or_the_name_is_unknown() -> None:
    closed = listener(socket.AF_INET, "127.0.0.1")
    port = closed.getsockname()[1]
    closed.close()
    assert reach.problem("127.0.0.1", port, SERVER) == "connection refused"
    assert reach.problem("db9.invalid", port, SERVER) != ""


def test_a_server_that_does_not_answer(serving: Callable[..., int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "SECONDS", 0.2)

    def wait(_client: socket.socket) -> None:
        time.sleep(1)

    assert "timed out" in reach.problem("127.0.0.1", serving(wait), SERVER)
