# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The client of PostgreSQL logs in, reads rows, and names each refusal. A real PostgreSQL answers it in the scenario postgres."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import hmac
import socket
import struct
from typing import Any, Optional

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.host.database import common, postgres
from ansible_collections.spire.fleet.plugins.module_utils.host.database.common import Address, Answer, DatabaseError, Unchecked
from tests.support.errors import error_of
from tests.unit.builders.database_servers import PASSWORD, database, exactly, target

OK, READY = (b"R", b"\0\0\0\0"), (b"Z", b"I")
SALT, ROUNDS = b"salt of the role", 4096


def send(connection: socket.socket, *messages: tuple[bytes, bytes]) -> None:
    connection.sendall(b"".join(kind + struct.pack("!i", len(body) + 4) + body for kind, body in messages))


def receive(connection: socket.socket) -> bytes:
    """Returns the body of the client's next message, which has a type unless it begins the session."""
    return exactly(connection, struct.unpack("!xi", exactly(connection, 5))[0] - 4)


def begin(connection: socket.socket) -> bytes:
    return exactly(connection, struct.unpack("!i", exactly(connection, 4))[0] - 4)


def rows(names: list[str], *values: list[Optional[str]]) -> list[tuple[bytes, bytes]]:
    """Returns the messages of an answer with these columns."""
    description = struct.pack("!h", len(names)) + b"".join(name.encode() + b"\0" + bytes(18) for name in names)
    found = [(b"T", description)]
    for row in values:
        cells = (struct.pack("!i", -1) if cell is None else struct.pack("!i", len(cell)) + cell.encode() for cell in row)
        found.append((b"D", struct.pack("!h", len(row)) + b"".join(cells)))
    return [*found, (b"C", b"SELECT\0"), READY]


FIRST_BUNDLE = rows(["trust_domain", "created_at"], ["a.test", "1.5"])


def error(code: str, text: str) -> tuple[bytes, bytes]:
    return b"E", f"SFATAL\0VFATAL\0C{code}\0M{text}\0\0".encode()


def asked(*messages: tuple[bytes, bytes], **more: Any) -> Answer:
    """Asks a database that answers the beginning of a session with these messages."""
    def answer(connection: socket.socket) -> None:
        begin(connection)
        send(connection, *messages)

    with database(answer) as port:
        return postgres.ask(target(port, **more))


def refused(*messages: tuple[bytes, bytes], **more: Any) -> DatabaseError:
    with pytest.raises(DatabaseError) as caught:
        asked(*messages, **more)
    return caught.value


@pytest.mark.parametrize(("facts", "kept", "expected"), [
    (["150004", "off", "t", None], [], Answer("PostgreSQL", (15,), True, False)),
    (["90603", "on", "f", None], [], Answer("PostgreSQL", (9, 6), False, True)),
    (["150004", "off", None, None], [], Answer("PostgreSQL", (15,), False, False)),
    (["150004", "off", "t", "f"], [], Answer("PostgreSQL", (15,), True, False, exists=True, may_use=False)),
    (["150004", "off", "t", "t"], rows(["id", "version", "code_version"], ["1", "25", "1.15.3"]),
     Answer("PostgreSQL", (15,), True, False, exists=True, schema=25, release="1.15.3")),
    (["150004", "off", "t", "t"], rows(["id", "version"], ["1", "11"]), Answer("PostgreSQL", (15,), True, False, exists=True, schema=11)),
    (["150004", "off", "t", "t"], rows(["id", "name"], ["1", "first"]), Answer("PostgreSQL", (15,), True, False, exists=True, schema=None)),
    (["150004", "off", "t", "t"], rows(["id", "version"]), Answer("PostgreSQL", (15,), True, False, exists=True)),
], ids=["new", "old replica", "no schema in the search path", "tables of another user", "SPIRE's", "SPIRE 0.8", "foreign", "empty"])
def test_answers_are_read(facts: list[Optional[str]], kept: list[tuple[bytes, bytes]], expected: Answer) -> None:
    def answer(connection: socket.socket) -> None:
        assert begin(connection) == b"\0\3\0\0user\0spire\0database\0spire\0search_path\0own\0client_encoding\0UTF8\0\0"
        send(connection, OK, (b"S", b"server_version\x0015.4\0"), (b"K", bytes(8)), READY)
        receive(connection)
        send(connection, *rows(["version", "read_only", "may_create", "may_use"], facts))
        if facts[0] == "150004":
            assert b"pg_control_system" in receive(connection)
            send(connection, *rows(["replica", "cluster", "position"], ["f", "71/5", "0/5A"]))
        if kept:
            assert receive(connection) == b"SELECT * FROM migrations LIMIT 1\0"
            send(connection, *kept)
            receive(connection)
            send(connection, *FIRST_BUNDLE if expected.schema else (error("42P01", "no such table"), READY))

    with database(answer) as port:
        assert postgres.ask(target(port, settings={"search_path": "own"})) == dataclasses.replace(
            expected, origin="a.test 1.5" if expected.schema else "", **({"cluster": "71/5", "position": "0/5A"} if facts[0] == "150004" else {})
        )


REFUSED = [error("42883", "function pg_last_wal_replay_lsn() is not supported"), READY]


@pytest.mark.parametrize(("replies", "behind"), [
    ([rows(["replayed"], ["f"]), rows(["replayed"], ["t"])], ""),
    ([REFUSED], ""),
    ([rows(["replayed"], ["f"])] * 2 + [rows(["bytes", "age"], ["112", "40"])],
     "it is 112 bytes behind, and the last transaction that it has replayed is 40 seconds old"),
    ([rows(["replayed"], ["f"])] * 2 + [rows(["bytes", "age"], ["112", None])], "it is 112 bytes behind"),
    ([rows(["replayed"], ["f"])] * 2 + [REFUSED], "it is some bytes behind"),
], ids=["soon", "refused", "late", "without a transaction", "refused at the end"])
def test_a_replica_is_asked_whether_it_has_replayed(
    replies: list[list[tuple[bytes, bytes]]], behind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(common, "PATIENCE", 0.1 if behind else 5)
    monkeypatch.setattr(common, "_PAUSE", 0.25)

    def answer(connection: socket.socket) -> None:
        begin(connection)
        send(connection, OK, READY)
        assert b"'registered_entries'" in receive(connection)
        send(connection, *rows(["version", "read_only", "may_create", "may_use"], ["150004", "on", "f", None]))
        receive(connection)
        send(connection, *rows(["replica", "cluster", "position"], ["t", "71/5", ""]))
        for reply in replies:
            assert b"pg_last_wal_replay_lsn()" in receive(connection)
            send(connection, *reply)

    with database(answer) as port:
        assert postgres.ask(target(port, read_only=True, position="0/5A", timeout=5)) == Answer(
            "PostgreSQL", (15,), False, True, cluster="71/5", replica=True, behind=behind
        )


def scram(connection: socket.socket, password: str) -> None:
    """Authenticates the client as RFC 5802 describes it for a server, and ends the session where the password is another one."""
    begin(connection)
    send(connection, (b"R", b"\0\0\0\x0aSCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"))
    mechanism, first = receive(connection).split(b"\0", 1)
    assert mechanism == b"SCRAM-SHA-256" and first[4:].startswith(b"n,,n=,r=")
    bare = first[7:]
    challenge = bare.split(b"r=")[1] + b"more"
    challenge = b"r=" + challenge + b",s=" + base64.b64encode(SALT) + f",i={ROUNDS}".encode()
    send(connection, (b"R", b"\0\0\0\x0b" + challenge))
    final, proof = receive(connection).split(b",p=")
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), SALT, ROUNDS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    signed = b",".join((bare, challenge, final))
    key = bytes(a ^ b for a, b in zip(base64.b64decode(proof), hmac.digest(stored, signed, "sha256")))
    right = hashlib.sha256(key).digest() == stored
    signature = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), signed, "sha256") if right else b"made up"
    send(connection, (b"R", b"\0\0\0\x0cv=" + base64.b64encode(signature)), error("57P03", "proved"))


@pytest.mark.parametrize(("password", "kind"), [(PASSWORD, "not_ready"), ("another", "protocol")])
def test_both_sides_prove_the_password_by_scram(password: str, kind: str) -> None:
    with database(lambda connection: scram(connection, password)) as port, pytest.raises(DatabaseError) as caught:
        postgres.ask(target(port))
    assert caught.value.kind == kind


@pytest.mark.parametrize(("request_", "reply"), [
    (b"\0\0\0\3", PASSWORD.encode() + b"\0"),
    (b"\0\0\0\5abcd", b"md5" + hashlib.md5(hashlib.md5(PASSWORD.encode() + b"spire").hexdigest().encode() + b"abcd").hexdigest().encode() + b"\0"),
], ids=["cleartext", "md5"])
def test_older_ways_to_authenticate(request_: bytes, reply: bytes) -> None:
    def answer(connection: socket.socket) -> None:
        begin(connection)
        send(connection, (b"R", request_))
        assert receive(connection) == reply
        send(connection, error("57P03", "authenticated"))

    with database(answer) as port, pytest.raises(DatabaseError, match="starting up"):
        postgres.ask(target(port))


@pytest.mark.parametrize(("messages", "reason"), [
    ([(b"R", b"\0\0\0\7")], "the database asks for authentication of type 7, such as Kerberos"),
    ([(b"R", b"\0\0\0\x0aOAUTHBEARER\0\0")], "the database asks for a mechanism of SASL other than SCRAM-SHA-256"),
])
def test_other_ways_are_not_checked(messages: list[tuple[bytes, bytes]], reason: str) -> None:
    assert error_of(Unchecked, asked, *messages) == reason


@pytest.mark.parametrize(("code", "said", "kind"), [
    ("28P01", 'password authentication failed for user "spire"', "password"),
    ("28000", 'role "spire" does not exist', "no_user"),
    ("28000", 'no pg_hba.conf entry for host "10.0.0.1", user "spire", database "spire", no encryption', "not_allowed"),
    ("28000", 'certificate authentication failed for user "spire"', "not_allowed"),
    ("3D000", 'database "spire" does not exist', "no_database"),
    ("42501", 'permission denied for database "spire"', "no_rights"),
    ("53300", "sorry, too many clients already", "full"),
    ("57P03", "the database system is starting up", "not_ready"),
    ("42704", 'unrecognized configuration parameter "foo"', "error"),
])
def test_each_refusal_has_its_kind(code: str, said: str, kind: str) -> None:
    assert refused(error(code, said)).kind == kind


def test_a_message_with_the_password_is_not_shown() -> None:
    assert PASSWORD not in str(refused(error("XX000", f"what is {PASSWORD}?")))


def test_a_database_that_wants_a_password_gets_none() -> None:
    assert str(refused((b"R", b"\0\0\0\5abcd"), password="")) == "The database asks for a password, and none is given. Add it."


def test_a_database_without_tls() -> None:
    def answer(connection: socket.socket) -> None:
        if begin(connection) == struct.pack("!i", 80877103):
            connection.sendall(b"N")
            begin(connection)
        send(connection, error("57P03", "asked without TLS"))

    with database(answer) as port:
        for modes, kind in ((["require"], "no_tls"), (["verify-full"], "no_tls"), (["prefer"], "not_ready"), (["disable"], "not_ready")):
            with pytest.raises(DatabaseError) as caught:
                postgres.ask(target(port, modes=modes))
            assert caught.value.kind == kind


@pytest.mark.parametrize(("said", "kind"), [
    (b"HTTP/1.1 400 Bad Request\r\n\r\n", "protocol"), (b"5.5.5-10.11.6-MariaDB", "protocol"), (b"R\xff\xff\xff\xff", "protocol"), (b"", "closed"),
])
def test_what_is_no_database(said: bytes, kind: str) -> None:
    def answer(connection: socket.socket) -> None:
        begin(connection)
        connection.sendall(said)

    with database(answer) as port, pytest.raises(DatabaseError) as caught:
        postgres.ask(target(port))
    assert caught.value.kind == kind


def test_silence_ends_after_the_timeout() -> None:
    with database(lambda connection: connection.recv(1) and exactly(connection, 1000)) as port, pytest.raises(DatabaseError) as caught:
        postgres.ask(target(port, timeout=0.1))
    assert caught.value.kind == "timeout"


def test_the_first_address_that_answers_counts() -> None:
    with database(lambda connection: None) as closed:
        pass
    first = Address("localhost", "127.0.0.1", closed)

    def answer(connection: socket.socket) -> None:
        begin(connection)
        send(connection, OK, READY)
        receive(connection)
        send(connection, *rows(["version", "read_only", "may_create", "may_use"], ["90603", "off", "t", None]))

    with database(answer) as port:
        assert postgres.ask(target(port, addresses=[first, Address("localhost", "127.0.0.1", port)])).may_create
    with pytest.raises(DatabaseError, match=f"Nobody listens at 127.0.0.1:{closed}: "):
        postgres.ask(target(port, addresses=[first]))


def test_a_name_that_is_not_found() -> None:
    with pytest.raises(DatabaseError, match="The name db.invalid is not found on this host: "):
        postgres.ask(target(1, addresses=[Address("db.invalid", "db.invalid", 5432)]))
