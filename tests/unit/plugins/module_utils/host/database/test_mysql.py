# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The client of MySQL logs in, reads rows, and names each refusal. A real MariaDB answers it in the scenario mysql."""

from __future__ import annotations

import dataclasses
import hashlib
import socket
import struct
from collections.abc import Callable
from typing import Any, Optional

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.host.database import common, mysql
from ansible_collections.spire.fleet.plugins.module_utils.host.database.common import Answer, DatabaseError, Unchecked
from ansible_collections.spire.fleet.plugins.module_utils.host.database.mysql_grants import Grants
from tests.support.errors import error_of
from tests.unit.builders.database_servers import PASSWORD, database, exactly, target

NATIVE, CACHING = "mysql_native_password", "caching_sha2_password"
SALT, OTHER_SALT = b"12345678abcdefghijkl", b"another salt of 20 b"
OK, EOF = b"\0\0\0\2\0\0\0", b"\xfe\0\0\2\0"
ALL = ["GRANT USAGE ON *.* TO `spire`@`%`", "GRANT ALL PRIVILEGES ON `spire`.* TO `spire`@`%`"]


class Server:
    """The other side of a connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection, self._number = connection, 0

    def send(self, *packets: bytes) -> None:
        for body in packets:
            self._connection.sendall(struct.pack("<I", len(body))[:3] + bytes([self._number]) + body)
            self._number += 1

    def receive(self) -> bytes:
        head = exactly(self._connection, 4)
        self._number = head[3] + 1
        return exactly(self._connection, int.from_bytes(head[:3], "little"))

    def greet(self, plugin: str = NATIVE, version: str = "8.0.36") -> bytes:
        """Greets without an offer of TLS, and returns what follows the fixed fields of the client's answer."""
        flags = 0xFFFFFFFF & ~0x800
        self.send(
            b"\x0a" + version.encode() + b"\0" + bytes(4) + SALT[:8] + b"\0" + struct.pack("<HBHH", flags & 0xFFFF, 45, 2, flags >> 16) + bytes([21])
            + bytes(10) + SALT[8:] + b"\0" + plugin.encode() + b"\0"
        )
        return self.receive()[32:]

    def rows(self, names: list[str], *values: list[Optional[str]]) -> None:
        """Answers a question with these columns."""
        definitions = [text("def") + text("") * 3 + text(name) * 2 + bytes(12) for name in names]
        self.send(bytes([len(names)]), *definitions, EOF, *(b"".join(map(text, row)) for row in values), EOF)


def text(given: Optional[str]) -> bytes:
    """Returns a string with its length before it."""
    if given is None:
        return b"\xfb"
    data = given.encode()
    return (bytes([len(data)]) if len(data) < 251 else b"\xfc" + struct.pack("<H", len(data))) + data


def error(number: int, said: str = "no") -> bytes:
    return b"\xff" + struct.pack("<H", number) + b"#HY000" + said.encode()


def asked(answer: Callable[[Server], object], **more: Any) -> Answer:
    with database(lambda connection: answer(Server(connection))) as port:
        return mysql.ask(target(port, **more))


def refused(answer: Callable[[Server], object], **more: Any) -> DatabaseError:
    with pytest.raises(DatabaseError) as caught:
        asked(answer, **more)
    return caught.value


def native(password: bytes, salt: bytes) -> bytes:
    once = hashlib.sha1(password).digest()
    return bytes(a ^ b for a, b in zip(once, hashlib.sha1(salt + hashlib.sha1(once).digest()).digest()))


@pytest.mark.parametrize(("version", "read_only", "grants", "table", "kept", "expected"), [
    ("8.0.36", "0", ALL, False, None, Answer("MySQL", (8, 0, 36), True, False)),
    ("10.11.6-MariaDB-0+deb12u1", "ON", ALL, False, None, Answer("MariaDB", (10, 11, 6), True, True)),
    ("8.4.0", "0", ["GRANT SELECT ON `spire`.* TO `spire`@`%`"], False, None, Answer("MySQL", (8, 4, 0), False, False)),
    ("8.4.0", "0", ALL, True, (["id", "version", "code_version"], ["1", "25", "1.15.3"]),
     Answer("MySQL", (8, 4, 0), True, False, exists=True, schema=25, release="1.15.3")),
    ("8.4.0", "0", ALL, True, (["id", "batch"], ["1", None]), Answer("MySQL", (8, 4, 0), True, False, exists=True, schema=None)),
    ("8.4.0", "0", ALL, True, 1142, Answer("MySQL", (8, 4, 0), True, False, exists=True, may_use=False)),
], ids=["new", "replica", "only reads", "SPIRE's", "foreign", "tables without rights"])
def test_answers_are_read(version: str, read_only: str, grants: list[str], table: bool, kept: Any, expected: Answer) -> None:
    def answer(server: Server) -> None:
        assert server.greet() == b"spire\0" + text("")[:0] + b"\x14" + native(PASSWORD.encode(), SALT) + b"spire\0mysql_native_password\0"
        server.send(OK)
        assert server.receive() == b"\3SELECT VERSION() AS version, @@global.read_only AS read_only"
        server.rows(["version", "read_only"], [version, read_only])
        assert server.receive() == b"\3SHOW GRANTS"
        server.rows(["Grants for spire@%"], *([line] for line in grants))
        if read_only == "0":
            assert server.receive() == b"\3SELECT @@global.gtid_executed AS position"
            server.rows(["position"], ["ab:1-5,\ncd:1-7"])
        server.receive()
        server.rows(["found"], *([["1"]] if table else []))
        if table:
            assert server.receive() == b"\3SELECT * FROM migrations LIMIT 1"
            if isinstance(kept, int):
                server.send(error(kept))
            else:
                server.rows(kept[0], kept[1])
                server.receive()
                if "version" in kept[0]:
                    server.rows(["trust_domain", "created_at"], ["a.test", "2026-01-01 00:00:00"])
                else:
                    server.send(error(1146))

    assert asked(answer) == dataclasses.replace(
        expected, position="" if expected.read_only else "ab:1-5,cd:1-7", replica=expected.read_only,
        origin="a.test 2026-01-01 00:00:00" if expected.schema else "",
    )


@pytest.mark.parametrize(("version", "question", "position"), [
    ("10.11.6-MariaDB", "MASTER_GTID_WAIT('0-1-7', 0.2)", "0-1-7"), ("8.4.0", "WAIT_FOR_EXECUTED_GTID_SET('ab:1-5,cd:1-7', 0.2)", "ab:1-5,cd:1-7"),
])
@pytest.mark.parametrize(("replies", "lags"), [(["1", "0"], False), (["-1"], True), (["error"], False)], ids=["soon", "never", "refused"])
def test_a_replica_is_asked_whether_it_has_replayed(
    version: str, question: str, position: str, replies: list[str], lags: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(common, "PATIENCE", 0 if lags else 5)

    def answer(server: Server) -> None:
        server.greet()
        server.send(OK)
        server.receive()
        server.rows(["version", "read_only"], [version, "1"])
        server.receive()
        server.rows(["Grants for spire@%"], ["GRANT SELECT ON `spire`.* TO `spire`@`%`"])
        for reply in replies:
            assert server.receive() == f"\3SELECT {question} AS missed".encode()
            if reply == "error":
                server.send(error(1777))
            else:
                server.rows(["missed"], [reply])
        server.receive()
        server.rows(["found"])

    found = asked(answer, read_only=True, position=position)
    assert (found.replica, bool(found.behind)) == (True, lags)


@pytest.mark.parametrize("plugin", [NATIVE, CACHING])
def test_the_database_may_ask_for_another_plugin(plugin: str) -> None:
    def answer(server: Server) -> None:
        server.greet("unknown_plugin")
        server.send(b"\xfe" + plugin.encode() + b"\0" + OTHER_SALT + b"\0")
        proof = server.receive()
        if plugin == NATIVE:
            assert proof == native(PASSWORD.encode(), OTHER_SALT)
        else:
            once = hashlib.sha256(PASSWORD.encode()).digest()
            mask = hashlib.sha256(hashlib.sha256(once).digest() + OTHER_SALT).digest()
            assert proof == bytes(a ^ b for a, b in zip(once, mask))
            server.send(b"\1\3")
        server.send(OK)
        server.receive()
        server.send(error(1040))

    assert refused(answer).kind == "full"


@pytest.mark.parametrize(("reply", "reason"), [
    (b"\1\4", "the plugin caching_sha2_password asks for the whole password, which this check sends only with TLS"),
    (b"\xfesha256_password\0" + SALT + b"\0", "the plugin sha256_password asks for the whole password, which this check sends only with TLS"),
    (b"\xfeclient_ed25519\0" + SALT, "the database asks for the authentication plugin client_ed25519"),
    (b"\xfemysql_clear_password\0", "the database asks for the authentication plugin mysql_clear_password"),
    (b"\xfe", "the database asks for the authentication plugin mysql_old_password"),
])
def test_what_this_client_can_not_answer_is_not_checked(reply: bytes, reason: str) -> None:
    def answer(server: Server) -> None:
        server.greet(CACHING)
        server.send(reply)

    assert error_of(Unchecked, asked, answer, cleartext=False) == reason


@pytest.mark.parametrize(("number", "kind"), [
    (1045, "password"), (1698, "password"), (1862, "password"), (1044, "no_rights"), (1049, "no_database"), (1040, "full"), (1129, "not_allowed"),
    (1130, "not_allowed"), (3118, "not_allowed"), (3159, "tls_required"), (1105, "error"),
])
def test_each_refusal_has_its_kind(number: int, kind: str) -> None:
    # A host that may not connect gets no greeting.
    assert refused(lambda server: server.send(error(number))).kind == kind


def test_a_message_with_the_password_is_not_shown() -> None:
    assert PASSWORD not in str(refused(lambda server: server.send(error(1105, f"what is {PASSWORD}?"))))


@pytest.mark.parametrize(("modes", "kind"), [
    (["verify-full"], "no_tls"), (["require"], "no_tls"), (["verify-full", "disable"], "full"), (["prefer"], "full"), (["disable"], "full"),
])
def test_a_database_without_tls(modes: list[str], kind: str) -> None:
    def answer(server: Server) -> None:
        server.greet()
        server.send(error(1040))

    assert refused(answer, modes=modes).kind == kind


@pytest.mark.parametrize("said", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\1\0\0\0\x0a", b"\x05\0\0\7\x0a8.0\0", b"\0\0\0\0", b"E\0\0\0"])
def test_what_is_no_database(said: bytes) -> None:
    with database(lambda connection: connection.sendall(said)) as port, pytest.raises(DatabaseError) as caught:
        mysql.ask(target(port))
    assert caught.value.kind in ("protocol", "closed")


@pytest.mark.parametrize(("lines", "may"), [
    (["GRANT ALL PRIVILEGES ON *.* TO `spire`@`%` WITH GRANT OPTION"], True),
    (["GRANT ALL PRIVILEGES ON `spire`.* TO `spire`@`%`"], True),
    (["GRANT ALL PRIVILEGES ON `other`.* TO `spire`@`%`"], False),
    (["GRANT ALL PRIVILEGES ON `sp%`.* TO `spire`@`%`"], True),
    (["GRANT ALL PRIVILEGES ON `spi_e`.* TO `spire`@`%`"], True),
    (["GRANT ALL PRIVILEGES ON `spi\\_e`.* TO `spire`@`%`"], False),
    (["GRANT SELECT, CREATE ON *.* TO `spire`@`%`", "GRANT INDEX ON `spire`.* TO `spire`@`%`"], True),
    (["GRANT SELECT, CREATE ON *.* TO `spire`@`%`"], False),
    (['GRANT ALL PRIVILEGES ON "spire".* TO "spire"@"%"'], True),
    (["GRANT ALL PRIVILEGES ON `spire`.`entries` TO `spire`@`%`"], False),
    (["GRANT `admin`@`%` TO `spire`@`%`"], True),
    (["GRANT USAGE ON *.* TO `spire`@`%` IDENTIFIED BY PASSWORD '*ON `spire`.* TO'"], False),
])
def test_rights_are_read(lines: list[str], may: bool) -> None:
    assert Grants(lines).allow("spire", ("CREATE", "INDEX")) is may


@pytest.mark.parametrize(("lines", "above"), [
    (["GRANT SUPER ON *.* TO `spire`@`%`"], True), (["GRANT READ_ONLY ADMIN ON *.* TO `spire`@`%`"], True), (ALL, False),
])
def test_who_may_write_to_a_database_that_is_read_only(lines: list[str], above: bool) -> None:
    assert Grants(lines).ignore_read_only is above
