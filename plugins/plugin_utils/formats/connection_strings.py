# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads connection strings of the DataStore as the database drivers do. A whole string counts as a secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.formats import mysql_strings, postgres_strings

POSTGRES, MYSQL = "postgres", "mysql"

#: the environment variable that the driver uses for a parameter which a PostgreSQL string leaves out, and the driver's default
_DEFAULTS = {
    "host": ("PGHOST", "localhost"), "port": ("PGPORT", "5432"), "dbname": ("PGDATABASE", ""), "user": ("PGUSER", ""),
    "sslmode": ("PGSSLMODE", "require"),
}
#: the values of each field that a message may show; in a wrongly quoted string any other value may hold a part of the password
_PLAIN = {"database": re.compile(r"[\w.$-]*"), "host": re.compile(r"[\w.,:/\[\]-]*"), "port": re.compile(r"[0-9,]*")}
_LOCAL = re.compile(r"localhost|127(?:\.[0-9]+){3}|\[?::1\]?|[/@].*", re.IGNORECASE | re.DOTALL)
#: values with which the driver sends everything in clear, or does so where the database has no certificate
_CLEAR_POSTGRES, _CLEAR_MYSQL = ("disable", "allow", "prefer"), ("", "preferred", *mysql_strings.FALSE)


@dataclass(frozen=True)
class Connection:
    """The database, host and port of a connection string; each is empty where the string does not name it."""

    database: str
    host: str
    port: str
    user: str = field(default="", repr=False)
    #: all parameters of the string
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)
    #: whether neither the string nor the environment names the host, so that it is the driver's default
    default_host: bool = False
    #: whether the driver sends or may send everything in clear over a network
    clear: bool = False
    #: whether it never encrypts, whatever the database offers
    never_encrypted: bool = False

    @property
    def showable(self) -> bool:
        """Whether database, host and port have only ordinary characters, so that no part of a badly quoted password is among them."""
        return all(pattern.fullmatch(getattr(self, name)) for name, pattern in _PLAIN.items())

    @property
    def local(self) -> bool:
        """Whether it connects to the same machine: over loopback or over a Unix socket."""
        return all(_LOCAL.fullmatch(host) for host in self.host.split(","))

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
    """Returns the connection that a string of this kind names, in a process with this environment; None where its driver refuses it."""
    try:
        if of == MYSQL:
            return _mysql(mysql_strings.parse(text))
        return _postgres(postgres_strings.parse(text), environment or {}) if of == POSTGRES else None
    except ValueError:
        return None


def _postgres(given: dict[str, str], environment: Mapping[str, str]) -> Connection:
    found = {"dbname": given.get("database", ""), **given}
    default_host = not (found.get("host") or found.get("hostaddr") or environment.get("PGHOST"))
    for name, (variable, otherwise) in _DEFAULTS.items():
        found[name] = found.get(name) or environment.get(variable, otherwise)
    host = found.get("hostaddr") or found["host"]
    mode = found["sslmode"]
    return Connection(found["dbname"], host, found["port"], found["user"], found, default_host, mode in _CLEAR_POSTGRES, mode == "disable")


def _mysql(found: mysql_strings.Dsn) -> Connection:
    host, port = found.place
    tls = found.parameters.get("tls", "")
    clear = found.net != "cloudsql" and (tls.lower() in _CLEAR_MYSQL or found.true("allowFallbackToPlaintext"))
    never = clear and tls in ("", *mysql_strings.FALSE)
    return Connection(found.database, host, port, found.user, found.parameters, not found.address, clear, never)
