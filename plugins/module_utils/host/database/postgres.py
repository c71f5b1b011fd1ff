# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small client of PostgreSQL's protocol, version 3.0, which only asks questions.

Source: "Frontend/Backend Protocol" in PostgreSQL's documentation; RFC 5802 and RFC 7677 for SCRAM-SHA-256
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import struct
from collections.abc import Iterator
from typing import Optional

from ansible_collections.spire.fleet.plugins.module_utils.host.database import common
from ansible_collections.spire.fleet.plugins.module_utils.host.database.common import Address, Answer, DatabaseError, Stream, Target, Unchecked

_VERSION, _ASK_FOR_TLS = 196608, 80877103
#: the numbers of the ways to authenticate
_OK, _CLEAR, _MD5, _SASL, _SASL_CONTINUE, _SASL_FINAL = 0, 3, 5, 10, 11, 12
_MANY_ROUNDS = 10_000_000
_FACTS = """
SELECT current_setting('server_version_num') AS version, current_setting('transaction_read_only') AS read_only,
  has_schema_privilege(current_schema(), 'CREATE') AS may_create,
"""
_QUESTION = _FACTS + """
  (SELECT has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'UPDATE')
   FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relname = 'migrations' AND n.nspname = current_schema() AND c.relkind IN ('r', 'p')) AS may_use
"""
#: for a database that SPIRE only reads
_READ_QUESTION = _FACTS + """
  (SELECT bool_and(has_table_privilege(c.oid, 'SELECT')) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relname IN ('migrations', 'registered_entries', 'selectors', 'bundles', 'attested_node_entries', 'node_resolver_map_entries')
   AND n.nspname = current_schema() AND c.relkind IN ('r', 'p')) AS may_use
"""
_SCHEMA = "SELECT * FROM migrations LIMIT 1"
#: the number does not depend on the time zone of the session, which may be another one on a replica
_FIRST_BUNDLE = "SELECT trust_domain, extract(epoch FROM created_at) AS created_at FROM bundles ORDER BY id LIMIT 1"
#: from PostgreSQL 10 on. Some managed databases have not all of these functions.
_PLACE = """
SELECT pg_is_in_recovery() AS replica, (SELECT system_identifier FROM pg_catalog.pg_control_system()) || '/'
  || (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) AS cluster,
  CASE WHEN pg_is_in_recovery() THEN '' ELSE pg_current_wal_lsn()::text END AS position
"""
_NAMES_PLACE = (10,)
_REPLAYED = "SELECT coalesce(pg_last_wal_replay_lsn() >= '{}', false) AS replayed"
_BEHIND = """
SELECT pg_wal_lsn_diff('{}', pg_last_wal_replay_lsn())::bigint AS bytes,
  extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::bigint AS age
"""

Row = dict[str, Optional[str]]


def ask(target: Target) -> Answer:
    """Returns what the first database that answers says; raises DatabaseError where none does, and Unchecked where this client can't ask."""
    wrong: Optional[DatabaseError] = None
    for address in target.addresses:
        for mode in target.modes:
            try:
                return _ask(target, address, mode)
            except DatabaseError as exc:
                wrong = wrong or exc
    raise wrong or common.strange()


def _ask(target: Target, address: Address, mode: str) -> Answer:
    with common.connected(address, target) as stream:
        if mode != "disable" and not address.local:
            _secure(target, address, mode, stream)
        session = _Session(stream, target)
        session.start()
        (row,) = session.query(_READ_QUESTION if target.read_only else _QUESTION)
        found = {**_answer(row), **_place(session, int(row["version"] or 0), target.position)}
        if not found["exists"] or not found["may_use"]:
            return Answer(**found)
        kept = session.query(_SCHEMA)
        (first,) = session.ask(_FIRST_BUNDLE) or [{}]
        return Answer(**found, **common.schema(kept), origin=common.origin(first))


def _place(session: _Session, number: int, position: str) -> dict[str, object]:
    """Returns the fields of an answer that say which database of a replication this is."""
    (row,) = session.ask(_PLACE) or [{}] if number >= _NAMES_PLACE[0] * 10000 else [{}]
    found: dict[str, object] = {"replica": row.get("replica") == "t", "cluster": row.get("cluster") or "", "position": row.get("position") or ""}
    if not found["replica"] or not re.fullmatch(r"[0-9A-F]+/[0-9A-F]+", position):
        return found
    return {**found, "behind": common.behind(lambda: _replayed(session, position), lambda: _behind(session, position))}


def _replayed(session: _Session, position: str) -> bool:
    (row,) = session.ask(_REPLAYED.format(position)) or [{}]
    return row.get("replayed") != "f"


def _behind(session: _Session, position: str) -> str:
    (row,) = session.ask(_BEHIND.format(position)) or [{}]
    age = f", and the last transaction that it has replayed is {row['age']} seconds old" if row.get("age") else ""
    return f"it is {row.get('bytes') or 'some'} bytes behind{age}"


def _answer(row: Row) -> dict[str, object]:
    number = int(row["version"] or 0)
    return {
        "product": "PostgreSQL", "version": (number // 10000,) if number >= 100000 else (number // 10000, number // 100 % 100),
        "read_only": row["read_only"] == "on", "may_create": row["may_create"] == "t", "exists": row["may_use"] is not None,
        "may_use": row["may_use"] != "f",
    }


def _secure(target: Target, address: Address, mode: str, stream: Stream) -> None:
    made = common.context(target, mode)
    if target.direct:
        made.set_alpn_protocols(["postgresql"])
    else:
        stream.send(struct.pack("!ii", 8, _ASK_FOR_TLS))
        reply = stream.receive(1)
        if reply == b"N":
            if mode == "prefer":
                return
            raise DatabaseError("no_tls", (
                f"The database at {address} offers no TLS, and the connection asks for it. Switch it on there (ssl = on in postgresql.conf)."
            ))
        if reply != b"S":
            raise common.strange()
    stream.secure(made, address.name)


class _Session:
    """One session over a connection."""

    def __init__(self, stream: Stream, target: Target) -> None:
        self._stream, self._target = stream, target

    def start(self) -> None:
        """Logs in; raises DatabaseError where the database refuses that."""
        target = self._target
        settings = {"user": target.user, "database": target.database, **target.settings, "client_encoding": "UTF8"}
        body = b"".join(_text(name) + _text(value) for name, value in settings.items()) + b"\0"
        self._stream.send(struct.pack("!ii", len(body) + 8, _VERSION) + body)
        scram = _Scram(target.password)
        for kind, body in self._messages():
            if kind == b"Z":
                return
            if kind == b"R":
                self._authenticate(body, scram)

    def query(self, text: str) -> list[Row]:
        """Returns the rows of an answer, with values by the names of columns."""
        self._send(b"Q", _text(text))
        names: list[str] = []
        rows = []
        for kind, body in self._messages():
            if kind == b"T":
                names = _names(body)
            elif kind == b"D":
                rows.append(dict(zip(names, _values(body))))
            elif kind == b"Z":
                break
        return rows

    def ask(self, text: str) -> list[Row]:
        """Returns the rows of an answer, or none where the database refuses the question."""
        try:
            return self.query(text)
        except DatabaseError as exc:
            if exc.kind != "error" and exc.kind != "no_rights":
                raise
        for kind, _body in self._messages():
            if kind == b"Z":
                break
        return []

    def _send(self, kind: bytes, body: bytes) -> None:
        self._stream.send(kind + struct.pack("!i", len(body) + 4) + body)

    def _messages(self) -> Iterator[tuple[bytes, bytes]]:
        """Yields the messages of the database; raises DatabaseError for its errors."""
        while True:
            kind, length = struct.unpack("!ci", self._stream.receive(5))
            if kind not in b"RSKZTDCENIv12sAHn" or length < 4:
                raise common.strange()
            body = self._stream.receive(length - 4)
            if kind == b"E":
                raise self._refused({field[:1].decode(): field[1:].decode("utf-8", "replace") for field in body.split(b"\0") if field})
            yield kind, body

    def _authenticate(self, body: bytes, scram: _Scram) -> None:
        way = int.from_bytes(body[:4], "big")
        if way == _OK:
            return
        if way in (_CLEAR, _MD5, _SASL) and not self._target.password:
            raise DatabaseError("password", "The database asks for a password, and none is given. Add it.")
        if way == _CLEAR:
            self._send(b"p", _text(self._target.password))
        elif way == _MD5:
            self._send(b"p", _text("md5" + _md5(_md5((self._target.password + self._target.user).encode()).encode() + body[4:8])))
        elif way == _SASL:
            if b"SCRAM-SHA-256" not in body[4:].split(b"\0"):
                raise Unchecked("the database asks for a mechanism of SASL other than SCRAM-SHA-256")
            first = scram.first()
            self._send(b"p", _text("SCRAM-SHA-256") + struct.pack("!i", len(first)) + first)
        elif way == _SASL_CONTINUE:
            self._send(b"p", scram.proof(body[4:]))
        elif way == _SASL_FINAL:
            scram.verify(body[4:])
        else:
            raise Unchecked(f"the database asks for authentication of type {way}, such as Kerberos")

    def _refused(self, fields: dict[str, str]) -> DatabaseError:
        code, said = fields.get("C", ""), fields.get("M", "")
        if code == "28P01":
            return DatabaseError("password", (
                "The database refuses the password of the user, or has no such user with a password. Correct the password here, or set it there (ALTER ROLE)."
            ))
        if code == "28000":
            return self._not_allowed(said)
        if code == "3D000":
            return DatabaseError("no_database", "There is no database of that name. Create it (CREATE DATABASE), or correct dbname.")
        if code == "42501":
            return DatabaseError("no_rights", "The user may not connect to the database. Grant it (GRANT CONNECT ON DATABASE).")
        if code == "53300":
            return DatabaseError("full", "The database takes no more connections. Raise max_connections there, or lower max_open_conns of the servers.")
        if code == "57P03":
            return DatabaseError("not_ready", "The database is starting up or shutting down. Run again when it is ready.")
        if self._target.password and self._target.password in said:
            said = "its message is not shown, because the password is in it"
        return DatabaseError("error", f"The database answers with error {code}: {said}.")

    def _not_allowed(self, said: str) -> DatabaseError:
        if re.search(r'^role ".*" does not exist', said):
            return DatabaseError("no_user", "There is no such user in the database. Create it (CREATE ROLE ... LOGIN), or correct user.")
        if said.startswith("Peer authentication failed"):
            return DatabaseError("not_allowed", (
                f"pg_hba.conf of the database asks for peer authentication, and lets the system user {self._target.system_user} not log in as this "
                "user. Name the role after the system user, map one to the other (pg_ident.conf), or give a password."
            ))
        if "pg_hba.conf" in said:
            how = "with TLS" if self._stream.encrypted else "without TLS"
            return DatabaseError("not_allowed", (
                f"pg_hba.conf of the database has no line that lets this user connect to it from this host {how}. Add one, and reload the database."
            ))
        return DatabaseError("not_allowed", (
            "The database does not let the user log in in this way: the role has no LOGIN, or pg_hba.conf asks for something else than a password, "
            "such as a client certificate."
        ))


class _Scram:
    """The client's side of SCRAM-SHA-256, without channel binding."""

    def __init__(self, password: str) -> None:
        self._password = password.encode()
        self._nonce = base64.b64encode(os.urandom(18)).decode()
        self._expected = b""

    def first(self) -> bytes:
        """Returns the first message. PostgreSQL takes the name of the user from the start of the session."""
        return f"n,,n=,r={self._nonce}".encode()

    def proof(self, challenge: bytes) -> bytes:
        """Returns the message that proves that the client knows the password."""
        try:
            given = dict(part.split("=", 1) for part in challenge.decode("ascii").split(","))
            nonce, salt, rounds = given["r"], base64.b64decode(given["s"]), int(given["i"])
        except (ValueError, KeyError):
            raise common.strange() from None
        if not nonce.startswith(self._nonce) or not 0 < rounds < _MANY_ROUNDS:
            raise common.strange()
        salted = hashlib.pbkdf2_hmac("sha256", self._password, salt, rounds)
        client = _hmac(salted, b"Client Key")
        final = f"c=biws,r={nonce}".encode()
        signed = b",".join((f"n=,r={self._nonce}".encode(), challenge, final))
        proof = bytes(a ^ b for a, b in zip(client, _hmac(hashlib.sha256(client).digest(), signed)))
        self._expected = base64.b64encode(_hmac(_hmac(salted, b"Server Key"), signed))
        return final + b",p=" + base64.b64encode(proof)

    def verify(self, final: bytes) -> None:
        """Raises DatabaseError where the other side does not know the password itself."""
        if not hmac.compare_digest(final.partition(b",")[0], b"v=" + self._expected):
            raise DatabaseError("protocol", "What answers there does not know the password, so it is not the database.")


def _hmac(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, hashlib.sha256).digest()


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _text(text: str) -> bytes:
    return text.replace("\0", "").encode() + b"\0"


def _names(body: bytes) -> list[str]:
    """Returns the names in the description of a row: each is followed by 18 bytes."""
    names, position = [], 2
    for _column in range(int.from_bytes(body[:2], "big")):
        end = body.index(b"\0", position)
        names.append(body[position:end].decode())
        position = end + 19
    return names


def _values(body: bytes) -> Iterator[Optional[str]]:
    position = 2
    for _column in range(int.from_bytes(body[:2], "big")):
        (length,) = struct.unpack_from("!i", body, position)
        position += 4
        yield None if length < 0 else body[position:position + length].decode()
        position += max(length, 0)
