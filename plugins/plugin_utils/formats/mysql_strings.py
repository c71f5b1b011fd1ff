# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads and writes MySQL's connection strings as go-sql-driver/mysql does, which SPIRE uses. A message never contains a part of a string.

Source: github.com/go-sql-driver/mysql, dsn.go (ParseDSN, FormatDSN), v1.10.0
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import and_list, nearest
from ansible_collections.spire.fleet.plugins.plugin_utils.formats.durations import seconds

#: what the driver takes for true and for false
TRUE, FALSE = ("1", "true", "TRUE", "True"), ("0", "false", "FALSE", "False")

_FORM = "Write user:password@tcp(host:3306)/database?parseTime=true, or use the filter spire.fleet.mysql_connection_string."
_SCHEME = re.compile(r"(?:jdbc:)?(?:mysql|mariadb)(?:\+\w+)?://", re.IGNORECASE)
_POSTGRES = re.compile(r"postgres(?:ql)?://|\s*(?:host|hostaddr|port|dbname|user|password|sslmode)\s*=")
#: user:password@net(address)/database?parameters; passwords and addresses may contain slashes, databases and parameters may not
_DSN = re.compile(
    r"(?:(?P<user>[^:]*)(?::(?P<password>.*))?@)?(?P<net>[^@(]*)(?:\((?P<address>[^@]*)\))?/(?P<database>[^/?]*)(?:\?(?P<parameters>[^/]*))?",
    re.DOTALL,
)
_PLACE = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[\w.-]*|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)(?::([0-9]{1,5}))?")
#: the networks that the driver, Go and the Cloud SQL proxy in SPIRE know
_NETWORKS = ("tcp", "tcp4", "tcp6", "unix", "cloudsql")
_BOOLS = (
    "allowAllFiles allowCleartextPasswords allowFallbackToPlaintext allowNativePasswords allowOldPasswords checkConnLiveness clientFoundRows "
    "columnsWithAlias compress interpolateParams multiStatements parseTime rejectReadOnly"
).split()
_DURATIONS = "readTimeout timeTruncate timeout writeTimeout".split()
#: parameters whose values the driver takes as they are; it decodes all others
_RAW = frozenset([*_BOOLS, *_DURATIONS, "charset", "collation", "maxAllowedPacket"])
_KNOWN = (*_BOOLS, *_DURATIONS, "charset", "collation", "connectionAttributes", "loc", "maxAllowedPacket", "serverPubKey", "tls")
#: the variables of a MySQL session whose names are one word; MySQL ignores their case
_VARIABLES = frozenset("autocommit identity profiling timestamp".split())
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_PARTS = ("user", "password", "host", "port", "socket", "database", "parameters")


@dataclass(frozen=True)
class Dsn:
    """The parts of a MySQL string. ``net`` and ``address`` are as written, and empty where the string has none."""

    user: str = field(repr=False)
    password: str = field(repr=False)
    net: str
    address: str
    database: str
    parameters: Mapping[str, str] = field(repr=False)

    def true(self, name: str) -> bool:
        """Whether a parameter is true for the driver."""
        return self.parameters.get(name) in TRUE

    @property
    def place(self) -> tuple[str, str]:
        """The host and the port, with the driver's defaults; the path of a socket has no port."""
        if self.net in ("unix", "cloudsql"):
            return self.address or "/tmp/mysql.sock", ""
        place = _PLACE.fullmatch(self.address)
        return (place[1] or "127.0.0.1", place[2] or "3306") if place else ("", "")


def parse(text: str) -> Dsn:
    """Returns the parts of a string; raises ValueError with the reason where the driver refuses it or reads it in another way than it was meant."""
    if _SCHEME.match(text):
        raise ValueError(f"It is a URL, which the driver of MySQL does not take. {_FORM}")
    if _POSTGRES.match(text):
        raise ValueError("It is a string of PostgreSQL, but database_type says MySQL. Correct one of them.")
    match = _DSN.fullmatch(text or "/")
    if not match:
        if "/" not in text:
            raise ValueError(f"It has no slash before the name of the database. {_FORM}")
        raise ValueError(
            f"The driver can't read it: the address is in parentheses, and a slash in the value of a parameter is written %2F. {_FORM}"
        )
    found = Dsn(
        match["user"] or "", match["password"] or "", match["net"] or "tcp", match["address"] or "", unquote(match["database"]),
        dict(pair.split("=", 1) for pair in (match["parameters"] or "").split("&") if "=" in pair),
    )
    if found.net not in _NETWORKS or found.net not in ("tcp", "unix") and not found.address:
        raise ValueError(f"The driver finds no address in parentheses after a network such as tcp. {_FORM}")
    if found.net not in ("unix", "cloudsql") and not _PLACE.fullmatch(found.address):
        raise ValueError(f"The address in the parentheses is not a host with or without a port up to 65535. {_FORM}")
    if _ESCAPE.search(match["database"]):
        raise ValueError("The name of the database has a percent sign that is not followed by two hexadecimal digits. Write %25 for it.")
    return found


def mistakes(found: Dsn, preferred: bool = True) -> Iterator[str]:
    """Yields what the driver, or the database, refuses of the parts of a string. ``preferred`` says whether tls has that value."""
    host, port = found.place
    if host.startswith("[") and found.address.endswith("]"):
        yield "The driver takes an IPv6 address in brackets only with a port, such as tcp([2001:db8::10]:3306)."
    if port and int(port) > 65535:
        yield "The port is greater than 65535."
    if not found.database:
        yield "It names no database, without which MySQL answers \"No database selected\". Write its name after the slash, such as /spire?parseTime=true."
    if "&" in found.database:
        yield "The name of the database has an &. The first parameter follows a question mark, such as /spire?parseTime=true."
    for name, value in found.parameters.items():
        wrong = _wrong(name, value, preferred)
        if wrong:
            yield wrong


def _wrong(name: str, value: str, preferred: bool) -> str:
    if name in _BOOLS:
        return "" if value in TRUE + FALSE else f"The value of {name} is neither true nor false."
    if name in _DURATIONS:
        return "" if _is_duration(value) else f"The value of {name} is not a duration with a unit, such as 5s."
    if name == "maxAllowedPacket":
        return "" if re.fullmatch(r"[+-]?[0-9]+", value) else "The value of maxAllowedPacket is not a number of bytes."
    if name == "tls":
        modes = ["true", "false", "skip-verify", *(["preferred"] if preferred else [])]
        known = value in TRUE + FALSE or value.lower() in modes[2:]
        return "" if known else (
            f"The driver does not know the value of tls; it knows {and_list(modes)}. SPIRE has options for the files of certificates: root_ca_path, "
            "client_cert_path and client_key_path."
        )
    if name in ("strict", "serverPubKey"):
        return f"SPIRE does not start with the parameter {name}. Remove it."
    if name not in _KNOWN and name.lower() not in _VARIABLES:
        meant = _meant(name)
        if meant or "_" not in name:
            hint = f"Perhaps {meant} is meant; upper and lower case count." if meant else "Remove it."
            return f"It has a parameter that neither the driver nor MySQL knows, so the database refuses the connection. {hint}"
    if name not in _RAW and _ESCAPE.search(value):
        return "The value of a parameter has a percent sign that is not followed by two hexadecimal digits. Write %25 for it."
    return ""


def _meant(name: str) -> str:
    """Returns the parameter that another name stands for. A name with an underscore is a variable of MySQL, unless only underscores differ."""
    if name.replace("_", "").lower() in ("ssl", "usessl", "sslmode"):
        return "tls"
    return nearest(name.replace("_", ""), _KNOWN, 1.0 if "_" in name else 0.8)


def _is_duration(text: str) -> bool:
    try:
        seconds(text)
    except ValueError:
        return False
    return True


def build(parts: Mapping[str, Any]) -> str:
    """Returns the string of user, password, host, port or socket, database and parameters; raises ValueError where that can't be a string."""
    unknown = sorted(set(map(str, parts)) - set(_PARTS))
    if unknown:
        raise ValueError(f"There is no part of these names: {and_list(unknown)}. The parts are {and_list(_PARTS)}.")
    parameters = parts.get("parameters") or {}
    if not isinstance(parameters, Mapping):
        raise ValueError("The part parameters is not a mapping.")
    user, host, socket = (str(parts.get(name) or "") for name in ("user", "host", "socket"))
    if bool(host) is bool(socket):
        raise ValueError("Exactly one of the parts host and socket must be set.")
    if ":" in user:
        raise ValueError("The part user has a colon, which ends the user's name in a MySQL string.")
    bare = host.strip("[]")
    where = f"unix({socket})" if socket else f"tcp({f'[{bare}]' if ':' in bare else bare}:{parts.get('port') or 3306})"
    password = str(parts.get("password") or "")
    given = {"parseTime": "true", **{str(name): _text(value) for name, value in parameters.items()}}
    made = (
        f"{user}{f':{password}' if password else ''}@{where}/{quote(str(parts.get('database') or ''), safe='')}?"
        + "&".join(f"{name}={value if name in _RAW else quote_plus(value)}" for name, value in given.items())
    )
    read = parse(made)
    wrong = next(mistakes(read), "")
    if wrong:
        raise ValueError(wrong)
    back = {name: value if name in _RAW else unquote_plus(value) for name, value in read.parameters.items()}
    if (read.user, read.password, back) != (user, password, given):
        raise ValueError("A part has a character that a MySQL string can't contain there, such as & in the name of a parameter.")
    return made


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
