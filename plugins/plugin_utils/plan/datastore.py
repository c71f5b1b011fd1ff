# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the check of a server's database connects: what SPIRE's drivers make of its connection strings, environment and files.

Source: github.com/lib/pq, connector.go and ssl.go, v1.12.3; github.com/go-sql-driver/mysql, dsn.go, v1.10.0;
pkg/server/datastore/sqlstore/mysql.go (configureConnection), v1.15.3
"""

from __future__ import annotations

import dataclasses
import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import and_list
from ansible_collections.spire.fleet.plugins.plugin_utils.formats import connection_strings, mysql_strings, postgres_strings
from ansible_collections.spire.fleet.plugins.plugin_utils.formats.durations import seconds
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version

#: the seconds that the check waits for an answer where the connection string does not say less
TIMEOUT = 10.0
#: the version of the schema that a release of SPIRE knows, from each release on (sqlstore/migration.go of every tag, latestSchemaVersion)
_SCHEMAS = {
    Version(1, 15, 0): 25, Version(1, 14, 3): 24, Version(1, 8, 0): 23, Version(1, 7, 2): 22, Version(1, 6, 0): 21, Version(1, 3, 2): 19,
    Version(1, 2, 0): 18, Version(1, 0, 0): 17,
}
#: parameters of a PostgreSQL string that name or hold files, each with its environment variable
_POSTGRES_FILES = {"ca": ("sslrootcert", "PGSSLROOTCERT"), "certificate": ("sslcert", "PGSSLCERT"), "key": ("sslkey", "PGSSLKEY")}
#: directories that the service does not share with the host (PrivateTmp, host/systemd.py)
_HIDDEN = ("/tmp", "/var/tmp")
#: where the contents of inline certificates are, for the module
_INLINE = "/{}"


@dataclasses.dataclass(frozen=True)
class Database:
    """One of the databases of a server."""

    #: the option that names it
    option: str
    #: its name and address for messages; empty where they may hold a part of a password
    shown: str
    #: the options of the module datastore_info; empty where it can't be checked
    connection: Mapping[str, Any] = dataclasses.field(default_factory=dict, repr=False)
    #: files that the module needs and that may not be on the host yet, by path
    contents: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    #: why it can't be checked
    unchecked: str = ""


def databases(plan: Plan) -> Iterator[Database]:
    """Yields the databases of a server which have a network connection that the check understands, or the reason why not."""
    sql = plan.plugin_data("DataStore", "sql")
    kind = str(sql.get("database_type") or "")
    reader = _READERS.get(kind)
    for option in ("connection_string", "ro_connection_string") if reader else ():
        text = str(sql.get(option) or "")
        if not reader or not text:
            continue
        named = connection_strings.read(kind, text, plan.environment) or connection_strings.UNKNOWN
        shown = f"{named.database} on {named.address}" if named.showable and named.host else ""
        unchecked = _unchecked(kind, text, named)
        if unchecked:
            yield Database(option, shown, unchecked=unchecked)
            continue
        connection, contents = reader(plan, text, named)
        files = {one.path: one.content for one in plan.delivered} | contents
        yield Database(
            option, shown,
            {
                "type": kind, "system_user": "", **connection, "read_only": option != "connection_string", "schema": _schema(plan),
                "release": str(plan.version), "disable_migration": bool(sql.get("disable_migration")),
            },
            {path: files[path] for path in (connection["ca"], connection["certificate"], connection["key"]) if path in files},
        )


def _schema(plan: Plan) -> int:
    """Returns the version of the schema that the planned release knows; 0 where this collection does not know that."""
    if plan.version != plan.checked_as:
        return 0
    return next((schema for since, schema in _SCHEMAS.items() if plan.version >= since), 0)


def _unchecked(kind: str, text: str, named: connection_strings.Connection) -> str:
    if named is connection_strings.UNKNOWN:
        return "the driver can't read the connection string"
    if _is_local(named) and named.host.startswith(_HIDDEN):
        return f"the service has directories {and_list(_HIDDEN)} of its own, so it can't see a Unix socket there"
    if kind == connection_strings.MYSQL:
        found = mysql_strings.parse(text)
        if found.net == "unix" and _mysql_modes(found, False) != ["disable"]:
            return "the connection has TLS over a Unix socket"
        return "the connection is over the Cloud SQL proxy" if found.net == "cloudsql" else ""
    if "," in named.host and any(host.startswith(postgres_strings.UNIX_SOCKET) for host in named.host.split(",")):
        return "one of several hosts is a Unix socket"
    if "service" in named.parameters or not named.parameters.get("password") and "passfile" in named.parameters:
        return "the connection string leaves a part of it to another file"
    return ""


def _is_local(named: connection_strings.Connection) -> bool:
    """Whether a connection is over one Unix socket."""
    return named.host.startswith(postgres_strings.UNIX_SOCKET) and "," not in named.host


def _postgres(plan: Plan, text: str, named: connection_strings.Connection) -> tuple[dict[str, Any], dict[str, str]]:
    given, environment = named.parameters, plan.environment
    files = {name: str(given.get(parameter) or environment.get(variable, "")) for name, (parameter, variable) in _POSTGRES_FILES.items()}
    inline = given.get("sslinline") in ("1", "t", "T", "true", "TRUE", "True", "yes", "on")
    contents = {_INLINE.format(name): value for name, value in files.items() if value} if inline else {}
    files = {name: _INLINE.format(name) if inline and value else value for name, value in files.items()}
    mode = given["sslmode"]
    user = named.user or plan.user
    ports = named.port.split(",")
    names, hosts = str(given["host"]).split(","), named.host.split(",")
    addresses = [
        {"name": name, "host": host, "port": int(ports[number] if len(ports) > 1 else ports[0])} for number, (name, host) in enumerate(zip(names, hosts))
    ]
    if _is_local(named):
        addresses = [{"name": "", "host": posixpath.join(named.host, f".s.PGSQL.{ports[0]}"), "port": 0}]
    return {
        "addresses": addresses,
        **({"system_user": plan.user} if _is_local(named) else {}),
        "user": user,
        "password": str(given.get("password") or environment.get("PGPASSWORD", "")),
        "database": named.database or user,
        "settings": postgres_strings.settings(given),
        "modes": ["disable"] if _is_local(named) else {"allow": ["disable", "require"], "prefer": ["prefer", "disable"]}.get(mode, [mode]),
        **(files | {"ca": ""} if files["ca"] == "system" else files),
        "direct": given.get("sslnegotiation") == "direct",
        "cleartext": True,
        "timeout": _timeout(given.get("connect_timeout") or environment.get("PGCONNECT_TIMEOUT")),
    }, contents


def _timeout(text: Any) -> float:
    """Returns the seconds to wait. A connection string may ask for less than TIMEOUT; 0 stands for no limit there."""
    try:
        given = float(text or 0)
    except ValueError:
        return TIMEOUT
    return min(given, TIMEOUT) if given > 0 else TIMEOUT


def _mysql(plan: Plan, text: str, named: connection_strings.Connection) -> tuple[dict[str, Any], dict[str, str]]:
    sql, found = plan.plugin_data("DataStore", "sql"), mysql_strings.parse(text)
    files = {name: str(sql.get(option) or "") for name, option in {
        "ca": "root_ca_path", "certificate": "client_cert_path", "key": "client_key_path",
    }.items()}
    paired = bool(files["certificate"] and files["key"])
    host = named.host.strip("[]")
    timeout = found.parameters.get("timeout", "")
    return {
        "addresses": [{"name": host, "host": host, "port": int(named.port or 0)}],
        **({"system_user": plan.user} if _is_local(named) else {}),
        "user": found.user,
        "password": found.password,
        "database": found.database,
        "settings": {},
        "modes": _mysql_modes(found, bool(files["ca"]) or paired),
        **(files if paired else files | {"certificate": "", "key": ""}),
        "direct": False,
        "cleartext": found.true("allowCleartextPasswords"),
        "timeout": _timeout(float(seconds(timeout)) if timeout else 0),
    }, {}


def _mysql_modes(found: mysql_strings.Dsn, own: bool) -> list[str]:
    """Returns the modes of TLS to try. SPIRE verifies the certificate wherever it has files of its own for that, whatever tls says."""
    tls = found.parameters.get("tls", "")
    if own or tls in mysql_strings.TRUE:
        mode = "verify-full"
    else:
        mode = {"skip-verify": "require", "preferred": "prefer"}.get(tls.lower(), "disable")
    return [mode, "disable"] if found.true("allowFallbackToPlaintext") and mode != "disable" else [mode]


_READERS = {connection_strings.POSTGRES: _postgres, connection_strings.MYSQL: _mysql}


def sentence(host: str, database: Database, found: str) -> str:
    """Returns what was found about a database, with the host and the option that names it."""
    shown = f" ({database.shown})" if database.shown else ""
    return f"{host}: plugins.DataStore.sql.plugin_data.{database.option}{shown}: {found}"
