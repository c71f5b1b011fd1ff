# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the clients of both databases share: the description of a connection, its errors, TCP and TLS as SPIRE's drivers use them."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pwd
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from typing import Any, Callable, Optional

#: the seconds after which an attempt to connect, or the wait for an answer, ends
TIMEOUT = 10.0
#: the seconds within which a replica must have replayed what its primary had written when the check began. SPIRE reads its entries from the
#: replica every 5 seconds (defaultCacheReloadInterval, pkg/server/endpoints/endpoints.go, v1.15.3), so a shorter delay changes nothing that one could see.
PATIENCE = 5.0
_PAUSE = 0.25
#: accepts every certificate of the file of CAs as a root, as Go does; Python 3.9 has no name for it
_PARTIAL_CHAIN = 0x80000
#: OpenSSL's codes of a failed verification
_NOT_YET_VALID, _EXPIRED, _WRONG_HOST, _WRONG_IP = 9, 10, 62, 64
_LONGEST = 1 << 24


class DatabaseError(Exception):
    """Something is wrong with a database. ``kind`` is one word for it; the message has no secret."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Unchecked(Exception):
    """This check can't go on, although SPIRE's driver may be able to. The message says why."""


@dataclasses.dataclass(frozen=True)
class Address:
    """One place where a database may listen."""

    #: the name that the certificate must have
    name: str
    #: the name or the IP address to connect to
    host: str
    port: int

    @property
    def local(self) -> bool:
        """Whether it is the path of a Unix socket, or its name with an @ before it."""
        return self.host.startswith(("/", "@"))

    def __str__(self) -> str:
        if self.local:
            return self.host
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclasses.dataclass(frozen=True)
class Target:
    """How to connect to a database."""

    addresses: list[Address]
    user: str
    password: str = dataclasses.field(repr=False)
    database: str
    #: settings of the session that the connection string has
    settings: Mapping[str, str]
    #: the modes of TLS to try: disable, prefer (encrypted where the database offers it), require, verify-ca or verify-full
    modes: list[str]
    #: files with CAs, the client certificate and its key. Without the first one the CAs of the system are used.
    ca: str = ""
    certificate: str = ""
    key: str = ""
    #: whether TLS begins at once, without a question of the protocol
    direct: bool = False
    #: whether the password may be sent in clear where the database asks for that
    cleartext: bool = True
    timeout: float = TIMEOUT
    #: whether SPIRE only reads from this database
    read_only: bool = False
    #: where the primary was in its log when the check began, for a replica of it
    position: str = ""
    #: the system user that connects over a Unix socket; empty for the user of this process
    system_user: str = ""
    #: the contents of files that are not on the host yet, by path
    contents: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a database says about itself, and about the rights of the user."""

    product: str
    version: tuple[int, ...]
    #: whether the user may create tables
    may_create: bool
    #: whether the database takes no changes, as a replica
    read_only: bool
    #: whether the table in which SPIRE keeps the version of its schema exists
    exists: bool = False
    #: whether the user may read and change that table; of a database that SPIRE only reads, whether the user may read SPIRE's tables
    may_use: bool = True
    #: the version of the schema, and the release of SPIRE that made it; None where the table exists and has no such column
    schema: Optional[int] = 0
    release: str = ""
    #: names the database itself, equally on a primary and its physical replicas; empty where the product has no such name
    cluster: str = ""
    #: the trust domain that SPIRE's first bundle is for, and when it was written: two copies of the same data have the same one
    origin: str = ""
    #: where a primary is in its log; empty where that can't be asked
    position: str = ""
    #: whether a replica replays the log of its primary
    replica: bool = False
    #: how far a replica is behind, in words; empty where it has replayed the position that it was asked for, or could not be asked
    behind: str = ""


def behind(replayed: Callable[[], bool], ask: Callable[[], str]) -> str:
    """Returns how far a replica is behind, after the time in which it must have replayed a position; empty where it has."""
    end = time.monotonic() + PATIENCE
    while not replayed():
        if time.monotonic() > end:
            return ask()
        time.sleep(_PAUSE)
    return ""


def schema(rows: list[dict[str, Optional[str]]]) -> dict[str, Any]:
    """Returns the fields of an answer from the rows of the table migrations, of which SPIRE keeps one. A table without rows is a new one."""
    if not rows:
        return {}
    version = rows[0].get("version") or ""
    return {"schema": int(version) if version.isdigit() else None, "release": rows[0].get("code_version") or ""}


def origin(row: Mapping[str, Optional[str]]) -> str:
    """Returns the field of an answer from the first row of the table bundles, which SPIRE writes at its first start."""
    return f"{row['trust_domain']} {row['created_at']}" if row else ""


class Stream:
    """A connection over which bytes go, with TLS or without."""

    def __init__(self, plain: socket.socket) -> None:
        self._socket = plain
        self.encrypted = False

    def secure(self, context: ssl.SSLContext, name: str) -> None:
        """Goes on with TLS; raises DatabaseError where that fails."""
        with _translated():
            self._socket = context.wrap_socket(self._socket, server_hostname=name or None)
        self.encrypted = True

    def send(self, data: bytes) -> None:
        """Sends all of the data."""
        with _translated():
            self._socket.sendall(data)

    def receive(self, size: int) -> bytes:
        """Returns exactly this many bytes; raises DatabaseError where the other side ends before that, or where it is no database."""
        if size > _LONGEST or size < 0:
            raise strange()
        found = b""
        while len(found) < size:
            with _translated():
                part = self._socket.recv(size - len(found))
            if not part:
                raise DatabaseError("closed", (
                    "It closed the connection without a word. Perhaps another service listens there, or a proxy whose database does not answer."
                ))
            found += part
        return found

    def close(self) -> None:
        """Ends the connection."""
        self._socket.close()


def strange() -> DatabaseError:
    """Returns the error for an answer that the protocol does not have."""
    return DatabaseError("protocol", "What listens there does not answer as a database of that type. Correct database_type, the host or the port.")


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Raises a DatabaseError in place of an error of the network or of TLS."""
    try:
        yield
    except ssl.SSLCertVerificationError as exc:
        raise _untrusted(exc) from None
    except ssl.SSLError as exc:
        raise _tls_error(exc) from None
    except socket.timeout:
        raise DatabaseError("timeout", "It took the connection and did not answer in time.") from None
    except OSError as exc:
        raise DatabaseError("closed", f"The connection ended: {exc.strerror or exc}.") from None


def _untrusted(exc: ssl.SSLCertVerificationError) -> DatabaseError:
    if exc.verify_code == _EXPIRED:
        return DatabaseError("expired", "The certificate of the database, or of its CA, has expired. Renew it, and compare the clocks of both hosts.")
    if exc.verify_code == _NOT_YET_VALID:
        return DatabaseError("expired", "The certificate of the database is not valid yet. Compare the clocks of both hosts.")
    if exc.verify_code in (_WRONG_HOST, _WRONG_IP):
        return DatabaseError("wrong_name", (
            "The certificate of the database is for another name than that of the connection. Connect by a name among its subject alternative "
            "names; its common name does not count."
        ))
    return DatabaseError("untrusted", (
        f"The certificate of the database is not trusted: {exc.verify_message}. Check that the file of CAs has the CA which signed it."
    ))


def _tls_error(exc: ssl.SSLError) -> DatabaseError:
    reason = (exc.reason or "").replace("_", " ").lower() or "unknown reason"
    if "certificate" in reason or "unknown ca" in reason:
        return DatabaseError("client_certificate", f"The database does not accept the client certificate, or asks for one: {reason}.")
    return DatabaseError("tls", f"TLS with the database failed: {reason}.")


@contextlib.contextmanager
def connected(address: Address, target: Target) -> Iterator[Stream]:
    """Connects to an address; raises DatabaseError where that fails, and Unchecked where this process can't connect as SPIRE does."""
    with _acting_as(target.system_user if address.local else ""):
        plain = _connect(address, target.timeout)
    stream = Stream(plain)
    try:
        yield stream
    finally:
        stream.close()


@contextlib.contextmanager
def _acting_as(name: str) -> Iterator[None]:
    """Makes a system user the one whom the database sees at the other end of a Unix socket. Nothing changes for an empty name."""
    try:
        user = pwd.getpwnam(name) if name else None
    except KeyError:
        raise Unchecked(f"the connection is over a Unix socket, and the system user {name}, whom the database may look at, is not there yet") from None
    if user is None or user.pw_uid == os.geteuid():
        yield
        return
    if os.geteuid() != 0:
        raise Unchecked(f"the connection is over a Unix socket, where the database may look at the system user, and only root can connect as {name}")
    group, groups = os.getegid(), os.getgroups()
    os.initgroups(name, user.pw_gid)
    os.setegid(user.pw_gid)
    os.seteuid(user.pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)


def _connect_locally(path: str, timeout: float) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.settimeout(timeout)
    try:
        made.connect("\0" + path[1:] if path.startswith("@") else path)
    except OSError:
        made.close()
        raise
    return made


def _connect(address: Address, timeout: float) -> socket.socket:
    try:
        if address.local:
            return _connect_locally(address.host, timeout)
        return socket.create_connection((address.host, address.port), timeout)
    except FileNotFoundError:
        raise DatabaseError("refused", (
            f"Nobody listens at {address}: there is no such socket. Start the database on this host, or correct the path."
        )) from None
    except socket.gaierror as exc:
        raise DatabaseError("name", (
            f"The name {address.host} is not found on this host: {exc.strerror}. Correct the name, or what resolves it (/etc/hosts, DNS)."
        )) from None
    except UnicodeError:
        raise DatabaseError("name", "The host is no name that could be resolved. Correct it.") from None
    except ConnectionRefusedError:
        raise DatabaseError("refused", (
            f"Nobody listens at {address}: the connection was refused. Start the database there, let it listen on that address, or correct the port."
        )) from None
    except socket.timeout:
        raise DatabaseError("timeout", f"There is no answer from {address} in {timeout:g} seconds. Perhaps a firewall drops the packets.") from None
    except OSError as exc:
        raise DatabaseError("unreachable", f"There is no way to {address}: {exc.strerror or exc}.") from None


def context(target: Target, mode: str) -> ssl.SSLContext:
    """Returns how TLS is done in this mode, with the meaning that it has for Go; raises DatabaseError for a file that can't be used."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.hostname_checks_common_name = False
    made.check_hostname = mode == "verify-full"
    # lib/pq verifies with require as well where there is a file of CAs, and ignores a client certificate that does not exist.
    if mode not in ("verify-ca", "verify-full") and not (mode == "require" and _exists(target, target.ca)):
        made.verify_mode = ssl.CERT_NONE
    elif not target.ca:
        made.load_default_certs()
    else:
        made.verify_flags |= _PARTIAL_CHAIN
        _load(target.ca, lambda: made.load_verify_locations(cadata=_text(target, target.ca)))
    if target.key and _exists(target, target.certificate):
        with _file(target, target.certificate) as certificate, _file(target, target.key) as key:
            # Without a function for the passphrase, OpenSSL would ask on the terminal.
            _load(f"{target.certificate} with {target.key}", lambda: made.load_cert_chain(certificate, key, password=""))
    return made


def _exists(target: Target, path: str) -> bool:
    return path in target.contents or os.path.exists(path)


def _load(what: str, load: Callable[[], Any]) -> None:
    try:
        load()
    except (ssl.SSLError, ValueError) as exc:
        reason = (getattr(exc, "reason", "") or "no certificate is found").replace("_", " ").lower()
        raise DatabaseError("file", f"{what} can't be used: {reason}.") from None
    except OSError as exc:
        raise DatabaseError("file", f"{exc.filename or what} can't be read: {exc.strerror or exc}.") from None


def _text(target: Target, path: str) -> str:
    if path in target.contents:
        return target.contents[path]
    with open(path, encoding="ascii", errors="replace") as file:
        return file.read()


@contextlib.contextmanager
def _file(target: Target, path: str) -> Iterator[str]:
    """Gives the path of a file. One that is not on the host yet is in memory only."""
    if path not in target.contents:
        yield path
        return
    number = os.memfd_create("spire-fleet")
    try:
        os.write(number, target.contents[path].encode())
        yield f"/proc/self/fd/{number}"
    finally:
        os.close(number)
