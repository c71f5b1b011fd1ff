# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small client of the protocol of MySQL and MariaDB, which only asks questions.

Source: "Client/Server Protocol" in MySQL's and MariaDB's documentation; github.com/go-sql-driver/mysql, auth.go, v1.10.0
"""

from __future__ import annotations

import hashlib
import re
import struct
from typing import Optional

from ansible_collections.spire.fleet.plugins.module_utils.host.database import common, mysql_grants
from ansible_collections.spire.fleet.plugins.module_utils.host.database.common import Address, Answer, DatabaseError, Stream, Target, Unchecked

_OK, _MORE, _END, _ERROR = 0x00, 0x01, 0xFE, 0xFF
_TLS = 0x800
#: long passwords and flags, a database at the start, protocol 4.1, transactions, secure passwords, plugins, any length of their data
_CAPABILITIES = 0x1 | 0x4 | 0x8 | 0x200 | 0x2000 | 0x8000 | 0x80000 | 0x200000
_UTF8MB4, _LARGEST_PACKET = 45, 1 << 24
_NATIVE, _CACHING, _SHA256, _CLEAR = b"mysql_native_password", b"caching_sha2_password", b"sha256_password", b"mysql_clear_password"
#: what the plugin caching_sha2_password says: the password is in its cache, or must be sent
_CACHED, _SEND = b"\3", b"\4"
_TABLE = "SELECT 1 AS found FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'migrations'"
_FIRST_BUNDLE = "SELECT trust_domain, created_at FROM bundles ORDER BY id LIMIT 1"
_NO_SELECT = 1142
#: where a primary is in its log, and whether a replica has replayed it, by product. Both are asked without any right.
_POSITIONS = {"MariaDB": "SELECT @@global.gtid_current_pos AS position", "MySQL": "SELECT @@global.gtid_executed AS position"}
_REPLAYED = {"MariaDB": "SELECT MASTER_GTID_WAIT('{}', 0.2) AS missed", "MySQL": "SELECT WAIT_FOR_EXECUTED_GTID_SET('{}', 0.2) AS missed"}
#: rights that SPIRE needs on its tables
_WRITES, _READS = ("INSERT", "UPDATE", "DELETE"), ("SELECT",)

Row = dict[str, Optional[str]]

#: what the numbers of errors mean
_REFUSALS = {
    1044: ("no_rights", (
        "The user has no rights on the database, or there is none of that name. Create it (CREATE DATABASE), and grant them (GRANT ALL PRIVILEGES ON ...)."
    )),
    1049: ("no_database", "There is no database of that name. Create it (CREATE DATABASE), or correct the name after the slash."),
    1040: ("full", "The database takes no more connections. Raise max_connections there, or lower max_open_conns of the servers."),
    1129: ("not_allowed", "The database blocks this host after many connection errors. Run FLUSH HOSTS there."),
    1130: ("not_allowed", "The database has no user who may connect from this host. Create the user for this host, or for % (CREATE USER)."),
    3118: ("not_allowed", "The account of the user is locked. Unlock it (ALTER USER ... ACCOUNT UNLOCK)."),
    4151: ("not_allowed", "The account of the user is locked. Unlock it (ALTER USER ... ACCOUNT UNLOCK)."),
    3159: ("tls_required", "The database takes only connections with TLS (require_secure_transport). Set root_ca_path, or tls=true in the string."),
    1820: ("password", "The password of the user has expired. Set a new one (ALTER USER)."),
    1862: ("password", "The password of the user has expired. Set a new one (ALTER USER)."),
}
_DENIED = (1045, 1698)


class _Refused(DatabaseError):
    """The database answers with an error of this number."""

    def __init__(self, number: int, kind: str, message: str) -> None:
        super().__init__(kind, message)
        self.number = number


def ask(target: Target) -> Answer:
    """Returns what the database says; raises DatabaseError where it can't be used, and Unchecked where this client can't ask."""
    (address,) = target.addresses
    for mode in target.modes:
        try:
            return _ask(target, address, mode)
        except DatabaseError as exc:
            if exc.kind != "no_tls" or mode == target.modes[-1]:
                raise
    raise common.strange()


def _ask(target: Target, address: Address, mode: str) -> Answer:
    with common.connected(address, target) as stream:
        session = _Session(stream, target)
        session.start(address, mode)
        (row,) = session.query("SELECT VERSION() AS version, @@global.read_only AS read_only")
        grants = mysql_grants.Grants([next(iter(line.values())) or "" for line in session.query("SHOW GRANTS")])
        product, version = product_of(row["version"] or "")
        found = {
            "product": product, "version": version, "may_create": grants.allow(target.database, ("CREATE", "INDEX")),
            "read_only": row["read_only"] in ("1", "ON") and not grants.ignore_read_only,
            **_place(session, product, row["read_only"] in ("1", "ON"), target.position),
        }
        if not session.query(_TABLE):
            return Answer(**found)
        try:
            kept = session.query("SELECT * FROM migrations LIMIT 1")
        except _Refused as exc:
            if exc.number != _NO_SELECT:
                raise
            return Answer(**found, exists=True, may_use=False)
        may_use = grants.allow(target.database, _READS if target.read_only else _WRITES)
        (first,) = session.ask(_FIRST_BUNDLE) or [{}]
        return Answer(**found, exists=True, may_use=may_use, **common.schema(kept), origin=common.origin(first))


def _place(session: _Session, product: str, replica: bool, position: str) -> dict[str, object]:
    """Returns the fields of an answer that say where this database is in the log of a replication."""
    if not replica:
        (row,) = session.ask(_POSITIONS[product]) or [{}]
        return {"position": (row.get("position") or "").replace("\n", "")}
    if not re.fullmatch(r"[0-9A-Za-z:,-]+", position):
        return {"replica": True}

    def replayed() -> bool:
        (row,) = session.ask(_REPLAYED[product].format(position)) or [{}]
        return row.get("missed") in (None, "0")

    return {"replica": True, "behind": common.behind(replayed, lambda: "how far it is behind can't be asked without more rights")}


def product_of(text: str) -> tuple[str, tuple[int, ...]]:
    """Returns the product and its version, such as MariaDB and (10, 11, 6) for 5.5.5-10.11.6-MariaDB."""
    product = "MariaDB" if "mariadb" in text.lower() else "MySQL"
    found = re.match(r"(?:5\.5\.5-(?=\d))?(\d+(?:\.\d+)*)", text)
    return product, tuple(map(int, found[1].split("."))) if found else (0,)


class _Session:
    """One session over a connection."""

    def __init__(self, stream: Stream, target: Target) -> None:
        self._stream, self._target = stream, target
        self._number = 0
        self._local = False

    def start(self, address: Address, mode: str) -> None:
        """Logs in; raises DatabaseError where the database refuses that."""
        self._local = address.local
        offered, plugin, salt = _greeting(self._receive())
        flags = _CAPABILITIES
        if mode != "disable" and offered & _TLS:
            made = common.context(self._target, mode)
            flags |= _TLS
            self._send(_header(flags))
            self._stream.secure(made, address.name)
        elif mode not in ("disable", "prefer"):
            raise DatabaseError("no_tls", (
                f"The database at {address} offers no TLS, and the connection asks for it. Switch it on there (ssl_cert and ssl_key)."
            ))
        if plugin not in (_NATIVE, _CACHING):
            plugin = _NATIVE  # the database answers with the plugin that the user needs
        first = self._proof(plugin, salt)
        self._send(
            _header(flags) + self._target.user.encode() + b"\0" + bytes([len(first)]) + first + self._target.database.encode() + b"\0" + plugin + b"\0"
        )
        self._authenticate(plugin, salt)

    def query(self, text: str) -> list[Row]:
        """Returns the rows of an answer, with values by the names of columns."""
        self._number = 0
        self._send(b"\3" + text.encode())
        columns, _end = _number(self._receive(), 0)
        names = [(_strings(self._receive(), 5)[4] or b"").decode() for _column in range(columns or 0)]
        self._receive()
        rows = []
        while True:
            packet = self._receive()
            if packet[0] == _END and len(packet) < 9:
                return rows
            rows.append(dict(zip(names, (None if one is None else one.decode("utf-8", "replace") for one in _strings(packet, len(names))))))

    def ask(self, text: str) -> list[Row]:
        """Returns the rows of an answer, or none where the database refuses the question."""
        try:
            return self.query(text)
        except _Refused:
            return []

    def _authenticate(self, plugin: bytes, salt: bytes) -> None:
        while True:
            packet = self._receive()
            if packet[0] == _OK:
                return
            if packet[0] == _END:
                plugin, _zero, data = packet[1:].partition(b"\0")
                salt = data[:20]
                self._send(self._proof(plugin, salt))
            elif packet[0] == _MORE and plugin == _CACHING and packet[1:] == _SEND:
                self._send(self._whole_password("caching_sha2_password"))
            elif packet[0] != _MORE or plugin != _CACHING or packet[1:] != _CACHED:
                raise common.strange()

    def _proof(self, plugin: bytes, salt: bytes) -> bytes:
        """Returns what proves to a plugin that the client knows the password."""
        password = self._target.password.encode()
        if plugin == _CLEAR and self._target.cleartext:
            return password + b"\0"
        if plugin == _SHA256:
            return self._whole_password("sha256_password") if password else b"\0"
        if plugin not in (_NATIVE, _CACHING):
            name = plugin.decode("ascii", "replace") or "mysql_old_password"
            raise Unchecked(f"the database asks for the authentication plugin {name if re.fullmatch(r'[a-z0-9_]+', name) else 'of another name'}")
        if not password:
            return b""
        if plugin == _NATIVE:
            once = hashlib.sha1(password, usedforsecurity=False).digest()
            mask = hashlib.sha1(salt + hashlib.sha1(once, usedforsecurity=False).digest(), usedforsecurity=False).digest()
        else:
            once = hashlib.sha256(password).digest()
            mask = hashlib.sha256(hashlib.sha256(once).digest() + salt).digest()
        return bytes(a ^ b for a, b in zip(once, mask))

    def _whole_password(self, plugin: str) -> bytes:
        if not self._stream.encrypted and not self._local:
            raise Unchecked(f"the plugin {plugin} asks for the whole password, which this check sends only with TLS")
        return self._target.password.encode() + b"\0"

    def _send(self, body: bytes) -> None:
        self._stream.send(struct.pack("<I", len(body))[:3] + bytes([self._number]) + body)
        self._number += 1

    def _receive(self) -> bytes:
        head = self._stream.receive(4)
        if head[3] != self._number or head[:3] in (b"\0\0\0", b"\xff\xff\xff"):
            raise common.strange()
        self._number = (head[3] + 1) % 256
        body = self._stream.receive(int.from_bytes(head[:3], "little"))
        if body[0] == _ERROR:
            raise self._refused(int.from_bytes(body[1:3], "little"), body[9:] if body[3:4] == b"#" else body[3:])
        return body

    def _refused(self, number: int, text: bytes) -> _Refused:
        if number in _DENIED:
            more = "a client certificate (REQUIRE X509)" if self._stream.encrypted else "TLS (REQUIRE SSL)"
            return _Refused(number, "password", (
                "The database refuses the user: the password is wrong, there is no such user who may connect from this host, or the account asks for "
                f"{more}. Correct the user or the password here, or set them there (CREATE USER, ALTER USER)."
            ))
        if number in _REFUSALS:
            return _Refused(number, *_REFUSALS[number])
        said = text.decode("utf-8", "replace")
        if self._target.password and self._target.password in said:
            said = "its message is not shown, because the password is in it"
        return _Refused(number, "error", f"The database answers with error {number}: {said}.")


def _greeting(packet: bytes) -> tuple[int, bytes, bytes]:
    """Returns the capabilities, the plugin and the salt with which a database greets. Fields of a fixed length follow its version."""
    end = packet.find(b"\0")
    if packet[0] != 10 or end < 0 or len(packet) < end + 45:
        raise common.strange()
    rest = packet[end + 1:]
    low, high = struct.unpack_from("<H", rest, 13)[0], struct.unpack_from("<H", rest, 18)[0]
    return low | high << 16, rest[44:].partition(b"\0")[0], rest[4:12] + rest[31:43]


def _header(flags: int) -> bytes:
    return struct.pack("<IIB", flags, _LARGEST_PACKET, _UTF8MB4) + bytes(23)


def _number(packet: bytes, position: int) -> tuple[Optional[int], int]:
    """Returns a number, or None for NULL, and the position after it."""
    if position >= len(packet):
        raise common.strange()
    first = packet[position]
    if first == 0xFB:
        return None, position + 1
    size = {0xFC: 2, 0xFD: 3, 0xFE: 8}.get(first, 0)
    return (int.from_bytes(packet[position + 1:position + 1 + size], "little"), position + 1 + size) if size else (first, position + 1)


def _strings(packet: bytes, count: int) -> list[Optional[bytes]]:
    """Returns the first strings of a packet, each of which has its length before it."""
    found: list[Optional[bytes]] = []
    position = 0
    for _string in range(count):
        length, position = _number(packet, position)
        found.append(None if length is None else packet[position:position + length])
        position += length or 0
    return found
