# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads and writes PostgreSQL's connection strings as lib/pq does, which SPIRE uses. A message never contains a part of a string.

Source: github.com/lib/pq, connector.go (NewConfig, fromDSN, convertURL), v1.12.3; conn.go (parseOpts) and ssl.go, v1.10.9
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import and_list, nearest

#: the versions of lib/pq that differ in what they accept
V1_10, V1_11, V1_12 = (1, 10), (1, 11), (1, 12)

_SINCE: dict[tuple[int, int], str] = {
    V1_10: (
        "host port dbname database user password options application_name fallback_application_name sslmode sslcert sslkey sslrootcert sslinline "
        "sslsni krbsrvname krbspn connect_timeout binary_parameters disable_prepared_binary_result client_encoding datestyle"
    ),
    V1_11: "hostaddr passfile sslnegotiation tz geqo target_session_attrs load_balance_hosts",
    V1_12: "service ssl_min_protocol_version ssl_max_protocol_version min_protocol_version max_protocol_version",
}
#: parameters of libpq that no version of lib/pq has
_LIBPQ = frozenset(
    "channel_binding gssdelegation gssencmode gsslib keepalives keepalives_count keepalives_idle keepalives_interval require_auth requirepeer "
    "requiressl servicefile sslcertmode sslcompression sslcrl sslcrldir sslkeylogfile sslpassword".split()
)
_EVERY = frozenset(" ".join(_SINCE.values()).split())
#: parameters of pgx, the driver that SPIRE does not use, and of Prisma
_PGX = frozenset(
    "connection_limit default_query_exec_mode description_cache_capacity pool_health_check_period pool_max_conn_idle_time pool_max_conn_lifetime "
    "pool_max_conn_lifetime_jitter pool_max_conns pool_min_conns pool_min_idle_conns pool_timeout socket_timeout "
    "statement_cache_capacity statement_cache_mode statement_cache_size".split()
)
#: what people write for a parameter, beyond names that are like its own
_MEANT = {
    "currentschema": "search_path", "db": "dbname", "hostname": "host", "passwd": "password", "pwd": "password", "schema": "search_path",
    "server": "host", "ssl": "sslmode", "usessl": "sslmode", "username": "user",
}
#: the settings of a PostgreSQL session whose names are one word, or those of parameters; PostgreSQL ignores their case
_SETTINGS = frozenset("application_name client_encoding datestyle geqo intervalstyle jit replication role seed timezone xmlbinary xmloption".split())
_MODES = "disable require verify-ca verify-full"
_BOOL = "1 t T true TRUE True yes on 0 f F false FALSE False no off"
_PROTOCOLS, _TLS = "3.0 3.2 latest", "TLSv1.0 TLSv1.1 TLSv1.2 TLSv1.3"
_ENUMS = {
    "sslnegotiation": "postgres direct",
    "target_session_attrs": "any read-write read-only primary standby prefer-standby",
    "load_balance_hosts": "disable random",
    **dict.fromkeys(("min_protocol_version", "max_protocol_version"), _PROTOCOLS),
    **dict.fromkeys(("ssl_min_protocol_version", "ssl_max_protocol_version"), _TLS),
    **dict.fromkeys(("sslsni", "sslinline", "binary_parameters", "disable_prepared_binary_result"), _BOOL),
}
_URL = re.compile(r"postgres(?:ql)?://([^/?#]*)([^?#]*)(?:\?([^#]*))?(#.*)?", re.DOTALL)
#: a MySQL string, up to the slash after its address
_MYSQL = re.compile(r"[^\s=]*@\w*\([^\s=]*\)/|(?:jdbc:)?(?:mysql|mariadb)(?:\+\w+)?://", re.IGNORECASE)
_SCHEME = re.compile(r"[A-Za-z][\w.+:-]*://")
_USER = re.compile(r"(?:[A-Za-z0-9._:~!$&'()*+,;=@-]|%[0-9A-Fa-f]{2})*")
_PLACE = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::([0-9]*))?")
_KEY = re.compile(r"\s*([^\s=]*)\s*(=)?\s*")
#: a value in quotes, up to its last quote where it has one; or a value without quotes. A backslash escapes the next character
_VALUE = re.compile(r"'((?:[^'\\]|\\.)*)(')?|((?:[^\s\\]|\\.)*)", re.DOTALL)
#: how the path of a Unix socket begins, or its name
UNIX_SOCKET = ("/", "@")
_HOSTNAME = re.compile(r"[\w.:%-]+")
_BARE = re.compile(r"[\w.,:/@%+~-]+")
_QUOTES = "Write a value that has a blank in single quotes, and \\' for a quote and \\\\ for a backslash inside of them."


def parse(text: str) -> dict[str, str]:
    """Returns the parameters of a string; raises ValueError with the reason where the driver refuses it or takes a parameter for a value."""
    if text.startswith(("postgres://", "postgresql://")):
        return _url(text)
    if _MYSQL.match(text):
        raise ValueError("It is a string of MySQL, but database_type says PostgreSQL. Correct one of them.")
    if _SCHEME.match(text):
        raise ValueError('It is a URL, and the driver knows only those that begin with "postgres://" or "postgresql://".')
    return _words(text)


def _words(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    position, last = 0, ""
    while text[position:].strip():
        key = _KEY.match(text, position)
        name = key[1] if key else ""
        if not key or not key[2]:
            after = f"after the value of {last}" if last in _EVERY else "in it"
            raise ValueError(f'There is a word without "=" {after}. {_QUOTES}')
        value = _VALUE.match(text, key.end())
        quoted, closed, bare = value.groups() if value else (None, None, "")
        if quoted is not None and not closed:
            raise ValueError(f"The single quote that begins the value of {_called(name)} is never closed. {_QUOTES}")
        position = value.end() if value else key.end()
        if text[position : position + 1] == "\\":
            raise ValueError(f"It ends with a backslash, which escapes the next character. {_QUOTES}")
        swallowed = (bare or "").partition("=")[0]
        if key[0][-1:].isspace() and "=" in (bare or "") and swallowed in _EVERY:
            raise ValueError(
                f"There is nothing after {_called(name)}=, so the driver takes the next parameter, {swallowed}, as its value. Write the value, or two "
                "single quotes for an empty one."
            )
        found[name] = re.sub(r"\\(.)", r"\1", quoted or bare or "", flags=re.DOTALL)
        last = name
    return found


def _called(name: str) -> str:
    """Returns the name of a parameter; another name may be a part of a password, so that it is not shown."""
    return name if name in _EVERY else "a parameter"


def _url(text: str) -> dict[str, str]:
    match = _URL.fullmatch(text)
    authority, path, query, fragment = match.groups() if match else ("", "", "", "")
    user, _at, hosts = authority.rpartition("@")
    places = [_PLACE.fullmatch(place) for place in hosts.split(",")]
    if fragment or "@" in path + (query or "") or not all(places) or not _USER.fullmatch(user) or re.search(r"\s", path):
        raise ValueError(
            "The driver reads this URL in another way than it was meant, or not at all. In a URL every special character of user and password is "
            "percent-encoded, such as %40 for @ and %2F for /. The filter spire.fleet.postgres_connection_string writes parameters in place of a URL."
        )
    found = [place.groups() for place in places if place]
    if len(found) > 1 and any(port for _host, port in found):
        raise ValueError('The driver takes several hosts with ports only as parameters, such as "host=db1,db2 port=5432,5433".')
    if found[0][1] is None and hosts.startswith("["):
        raise ValueError("The driver takes an IPv6 address in a URL only with a port, such as [2001:db8::10]:5432.")
    name, _colon, password = user.partition(":")
    given = {
        "user": unquote(name),
        "password": unquote(password),
        "host": hosts if found[0][1] is None else found[0][0].strip("[]"),
        "port": found[0][1] or "",
        "dbname": unquote(path.removeprefix("/")),
        **dict(reversed(parse_qsl(query or ""))),
    }
    return {key: value for key, value in given.items() if value}


def mistakes(given: Mapping[str, str], driver: tuple[int, int]) -> Iterator[str]:
    """Yields what this version of the driver, or the database, refuses of the parameters of a string."""
    hosts, ports = given.get("host", "").split(","), given["port"].split(",") if "port" in given else []
    if "host" in given and hosts != [""]:
        yield from _hosts(hosts, driver)
    if any(not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535 for port in ports):
        yield "The value of port is not a number up to 65535."
    elif len(ports) > 1 and len(ports) != len(hosts):
        yield f"It names {len(hosts)} hosts but {len(ports)} ports. Write one port for all hosts, or one for each."
    yield from _values(given, driver)
    yield from _names(given, driver)


def _hosts(hosts: list[str], driver: tuple[int, int]) -> Iterator[str]:
    if any("[" in host for host in hosts):
        yield "An IPv6 address in host has no brackets, because the driver adds them."
    elif not all(host.startswith(UNIX_SOCKET) or _HOSTNAME.fullmatch(host) for host in hosts):
        yield "The value of host has a character that no name of a host has. Separate parameters by blanks, without commas or semicolons."
    elif len(hosts) > 1 and driver < V1_11:
        yield "It has several hosts, which the driver of this SPIRE does not know. Write one of them."


def _values(given: Mapping[str, str], driver: tuple[int, int]) -> Iterator[str]:
    modes = f"{_MODES} allow prefer" if driver >= V1_12 else _MODES
    for name, allowed in {"sslmode": modes, **_ENUMS}.items():
        if name not in given or driver < _first(name):
            continue
        if given[name] not in allowed.split() and (given[name] or name != "sslmode" or driver >= V1_11):
            listed = "true or false" if allowed == _BOOL else and_list(sorted(allowed.split()))
            yield f"The driver does not know the value of {name}; it knows {listed}."
    yield from _weak_modes(given, driver)
    if "connect_timeout" in given and not re.fullmatch(r"[+-]?[0-9]+", given["connect_timeout"]):
        yield "The value of connect_timeout is not a number of seconds without a unit."
    encoding = re.sub(r"[^A-Za-z0-9]", "", given.get("client_encoding", "utf8")).lower()
    if encoding not in ("utf8", "unicode"):
        yield "The driver takes no other client_encoding than UTF8. Remove the parameter."
    if given.get("datestyle", "ISO, MDY") != "ISO, MDY":
        yield 'The driver takes no other datestyle than "ISO, MDY". Remove the parameter.'


def _weak_modes(given: Mapping[str, str], driver: tuple[int, int]) -> Iterator[str]:
    mode, certificates = given.get("sslmode", ""), given.get("sslrootcert") == "system"
    if certificates and driver < V1_12 and mode in ("verify-ca", "verify-full"):
        yield "The driver of this SPIRE takes the word system in sslrootcert for the name of a file. Write the path of a file of CA certificates."
    elif certificates and driver >= V1_12 and mode and mode != "verify-full":
        yield "The driver takes sslrootcert=system only with sslmode=verify-full. Write that, or the path of a file of CA certificates in sslrootcert."
    if given.get("sslnegotiation") == "direct" and driver >= V1_12 and mode in ("disable", "allow", "prefer"):
        yield "The driver takes sslnegotiation=direct only with sslmode require, verify-ca or verify-full."


def settings(given: Mapping[str, str]) -> dict[str, str]:
    """Returns the parameters that the driver passes on to the database as settings of the session and that change what the user sees there."""
    return {name: value for name, value in given.items() if name == "options" and value or name not in _EVERY}


def _first(name: str) -> tuple[int, int]:
    return next((version for version, names in _SINCE.items() if name in names.split()), V1_12)


def _names(given: Mapping[str, str], driver: tuple[int, int]) -> Iterator[str]:
    known = {name for name in _EVERY if _first(name) <= driver}
    for name in given:
        if name in _LIBPQ | _PGX or name in _EVERY - known and name not in _SETTINGS:
            yield (
                f"The driver of this SPIRE does not know the parameter {name} and passes it on to the database, which refuses the connection. Remove it"
                + (", and set SPIRE's own options max_open_conns, max_idle_conns and conn_max_lifetime." if name.startswith("pool_") else ".")
            )
        elif name not in known and name.lower() not in _SETTINGS:
            meant = _MEANT.get(name.lower()) or nearest(name.replace("_", ""), known, 0.8) or nearest(name, known, 0.85)
            if meant or name.isalnum() or not re.fullmatch(r"\w[\w.]*", name):
                yield (
                    "It has a parameter that neither the driver nor PostgreSQL knows, so the database refuses the connection. "
                    + (f"Perhaps {meant} is meant." if meant else f"Remove it, unless it is a part of a value. {_QUOTES}")
                )


def build(parts: Mapping[str, Any]) -> str:
    """Returns the string of these parameters; raises ValueError where a value is not a text, a number or a boolean, or the driver refuses it."""
    given = {str(name): _text(str(name), value) for name, value in parts.items()}
    wrong = next(mistakes(given, V1_12), "")
    if wrong:
        raise ValueError(wrong)
    return " ".join(f"{name}={_quoted(value)}" for name, value in given.items())


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, (str, int)):
        raise ValueError(f"The value of {_called(name)} is neither a text nor a number nor a boolean.")
    return str(value)


def _quoted(value: str) -> str:
    if _BARE.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
