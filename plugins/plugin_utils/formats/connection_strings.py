# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads connection strings of the DataStore as the database drivers do. A whole string counts as a secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

POSTGRES, MYSQL = "postgres", "mysql"

_URLS = ("postgres://", "postgresql://")
#: name=value; a value in quotes may have blanks, a backslash escapes the next character, and the last value may be missing
_WORD = re.compile(r"\s*([^\s=]+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s\\']|\\.)(?:[^\s\\]|\\.)*)|\Z)", re.DOTALL)
_HOST = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::([0-9]*))?")
#: user:password@net(address)/database?parameters; passwords and addresses may contain slashes, databases and parameters may not
_DSN = re.compile(
    r"(?:(?P<user>[^:@]*)(?::.*)?@)?(?P<net>[^@(]*)(?:\((?P<address>.*)\))?/(?P<database>[^/?]*)(?:\?[^/]*)?", re.DOTALL
)
#: the environment variable that the driver uses for a parameter which a PostgreSQL string leaves out, and the driver's default
_DEFAULTS = {"host": ("PGHOST", "localhost"), "port": ("PGPORT", "5432"), "dbname": ("PGDATABASE", ""), "user": ("PGUSER", "")}
#: the values of each field that a message may show; in a wrongly quoted string any other value may hold a part of the password
_PLAIN = {"database": re.compile(r"[\w.$-]*"), "host": re.compile(r"[\w.,:/\[\]-]*"), "port": re.compile(r"[0-9,]*")}
_LOCAL = re.compile(r"localhost|127(?:\.[0-9]+){3}|\[?::1\]?|[/@].*", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Connection:
    """The database, host and port of a connection string; each is empty where the string does not name it."""

    database: str
    host: str
    port: str
    user: str = field(default="", repr=False)
    #: all parameters of a PostgreSQL string
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def showable(self) -> bool:
        """Whether database, host and port have only ordinary characters, so that no part of a badly quoted password is among them."""
        return all(pattern.fullmatch(getattr(self, name)) for name, pattern in _PLAIN.items())

    @property
    def local(self) -> bool:
        """Whether it connects to the same machine: over loopback or over a Unix socket."""
        return bool(_LOCAL.fullmatch(self.host))

    @property
    def address(self) -> str:
        """Host and port, for messages."""
        return f"{self.host}:{self.port}" if self.port else self.host


#: stands for the connection of a string that can't be read or whose parts must not be shown
UNKNOWN = Connection("", "", "")


def kind(database_type: Any) -> str:
    """Returns the kind of database of a database_type: postgres, mysql, or another name as it is. AWS variants count as their database."""
    name = next(iter(database_type), "") if isinstance(database_type, Mapping) else database_type
    return str(name or "").removeprefix("aws_")


def read(of: str, text: str, environment: Mapping[str, str] | None = None) -> Connection | None:
    """Returns the connection that a string of this kind names, in a process with this environment; None where its driver refuses it.

    Source: github.com/lib/pq, connector.go and url.go; github.com/go-sql-driver/mysql, dsn.go (ParseDSN)
    """
    if of == MYSQL:
        return _mysql(text)
    if of != POSTGRES:
        return None
    found = _url(text) if text.startswith(_URLS) else _words(text)
    if found is None:
        return None
    for name, (variable, otherwise) in _DEFAULTS.items():
        found[name] = found.get(name) or (environment or {}).get(variable, otherwise)
    return Connection(found["dbname"], found["host"], found["port"], found["user"], found)


def _words(text: str) -> dict[str, str] | None:
    found: dict[str, str] = {}
    position = 0
    while text[position:].strip():
        match = _WORD.match(text, position)
        if not match:
            return None
        name, quoted, bare = match.groups()
        found[name] = re.sub(r"\\(.)", r"\1", quoted or bare or "", flags=re.DOTALL)
        position = match.end()
    return found


def _url(text: str) -> dict[str, str] | None:
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    user, _at, hosts = parts.netloc.rpartition("@")
    places = [_HOST.fullmatch(place) for place in hosts.split(",")]
    # an @ in the path or query belongs to a password that is not percent-encoded, so that the host would be a part of the password
    if not all(places) or parts.fragment or "@" in parts.path + parts.query:
        return None
    found = {
        "user": unquote(user.partition(":")[0]),
        "host": ",".join(place[1] for place in places if place),
        "port": ",".join(place[2] or "" for place in places if place).strip(","),
        "dbname": unquote(parts.path.removeprefix("/")),
    }
    return {**found, **dict(parse_qsl(parts.query, keep_blank_values=True))}


def _mysql(text: str) -> Connection | None:
    match = _DSN.fullmatch(text)
    net = (match["net"] or "tcp") if match else ""
    if not match or (net not in ("tcp", "unix") and match["address"] is None):
        return None
    host, port = match["address"] or ("127.0.0.1" if net == "tcp" else "/tmp/mysql.sock"), ""
    if net == "tcp":
        place = _HOST.fullmatch(host)
        if not place:
            return None
        host, port = place[1], place[2] or "3306"
    return Connection(unquote(match["database"]), host, port, match["user"] or "")
