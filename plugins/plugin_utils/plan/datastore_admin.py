# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the administrator of a server's database logs in, and which modules of other collections make what it must have."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.formats import connection_strings
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.variables import Values
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.datastore_setup import Account, Setup, SetupError, quoted

#: a module of each collection, by which one sees whether it is installed, and the package of Python that it needs where it runs
COLLECTIONS = {
    connection_strings.POSTGRES: ("community.postgresql.postgresql_user", "psycopg2"),
    connection_strings.MYSQL: ("community.mysql.mysql_user", "PyMySQL"),
}
#: what these modules say where that package is missing
MISSING = re.compile(r"Failed to import the required Python library|A MySQL module is required")
_HOST, _LOGIN, _PASSWORD = "spire_datastore_host", "spire_datastore_login", "spire_datastore_login_password"
#: where MariaDB and MySQL of Debian listen. PyMySQL has no default.
_MYSQL_SOCKET = "/run/mysqld/mysqld.sock"


@dataclasses.dataclass(frozen=True)
class Step:
    """One call of a module."""

    #: what it makes, for messages
    makes: str
    module: str
    arguments: Mapping[str, Any] = dataclasses.field(repr=False)
    #: whether an earlier step makes what it needs, so that it can't run in check mode
    needs_earlier: bool = False


@dataclasses.dataclass(frozen=True)
class Place:
    """Where the administrator's tasks run, as keywords of a task."""

    #: the host of the inventory; empty where nobody said who the administrator is, so that the statements are printed
    host: str
    become: bool
    become_user: str


def place(values: Values, kind: str) -> Place:
    """Returns where the tasks run: on the database's own host as its administrator there, or on the controller with a login over the network."""
    host, login = str(values[_HOST] or ""), values[_LOGIN] or {}
    if not host:
        return Place("localhost" if login else "", False, "root")
    by_system_user = "login_user" not in login
    return Place(host, by_system_user, "postgres" if by_system_user and kind == connection_strings.POSTGRES else "root")


def login(server: str, values: Values, made: Setup) -> dict[str, Any]:
    """Returns the options of the modules for the login; raises SetupError where the password is in the wrong variable."""
    given = dict(values[_LOGIN] or {})
    if "login_password" in given:
        raise SetupError(f"{server}: {_LOGIN} has login_password. Put the password into {_PASSWORD}, which no output shows.")
    defaults: dict[str, Any] = {}
    if not values[_HOST]:
        defaults = {"login_host": made.host, "login_port": made.port}
    elif "login_host" not in given and made.kind == connection_strings.MYSQL:
        defaults = {"login_unix_socket": _MYSQL_SOCKET}
    elif "login_host" not in given and not made.local:
        defaults = {"login_port": made.port}
    password = values[_PASSWORD]
    return {**defaults, **given, **({"login_password": str(password)} if password else {})}


def question(made: Setup, logged_in: Mapping[str, Any]) -> Step | None:
    """Returns the step that asks PostgreSQL who its administrator is, and what is there."""
    if made.kind != connection_strings.POSTGRES:
        return None
    return Step("", "community.postgresql.postgresql_query", {
        **logged_in, "login_db": "postgres", "query": (
            "SELECT current_user AS name, rolsuper AS super, (SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s) AS belongs_to, "
            "EXISTS (SELECT FROM pg_roles WHERE rolname = %s) AS owner, EXISTS (SELECT FROM pg_roles WHERE rolname = %s) AS reader "
            "FROM pg_roles WHERE rolname = current_user"
        ), "positional_args": [made.database, made.owner.name, made.reader.name if made.reader else ""],
    })


def logins(made: Setup, logged_in: Mapping[str, Any], asked: Mapping[str, Any]) -> Iterator[tuple[Account, Step]]:
    """Yields the steps that try the passwords of roles which are there, for an administrator of PostgreSQL who may not read how they are kept."""
    if not asked or asked["super"]:
        return
    database = made.database if asked["belongs_to"] else "postgres"
    for account, there in ((made.owner, asked["owner"]), (made.reader, asked["reader"])):
        if account and there and account.password:
            yield account, Step("", "community.postgresql.postgresql_ping", {
                **logged_in, "login_user": account.name, "login_password": account.password, "login_db": database,
            })


def is_refused(answer: Mapping[str, Any]) -> bool:
    """Whether the database refuses a password. An answer that says something else, as where pg_hba.conf lets nobody in from here, proves nothing."""
    return "password authentication failed" in str(answer.get("conn_err_msg", ""))


def steps(made: Setup, logged_in: Mapping[str, Any], asked: Mapping[str, Any], kept: Collection[str] = ()) -> Iterator[Step]:
    """Yields the calls of modules in their order. ``asked`` is the row that answers ``question``, and ``kept`` are roles whose passwords are right."""
    yield from _postgres(made, logged_in, asked, kept) if made.kind == connection_strings.POSTGRES else _mysql(made, logged_in)


def _postgres(made: Setup, logged_in: Mapping[str, Any], asked: Mapping[str, Any], kept: Collection[str]) -> Iterator[Step]:
    collection = "community.postgresql.postgresql_"
    server = {**logged_in, "login_db": "postgres"}
    for account in made.accounts:
        yield Step(f"role {account.name}", f"{collection}user", {
            **server, "name": account.name, "role_attr_flags": "LOGIN", **({} if account.name in kept else _password(account)),
        })
    if asked and not asked["super"] and asked["belongs_to"] != made.owner.name:
        yield Step(f"membership of {asked['name']} in {made.owner.name}", f"{collection}membership", {
            **server, "groups": [made.owner.name], "target_roles": [asked["name"]],
        }, needs_earlier=not asked["owner"])
    yield Step(f"database {made.database}, owned by {made.owner.name}", f"{collection}db", {
        **logged_in, "name": made.database, "owner": made.owner.name,
    })
    if made.reader:
        reading = {**logged_in, "login_db": made.database, "schema": "public", "privs": "SELECT", "roles": made.reader.name}
        missing = not all(asked.get(name) for name in ("belongs_to", "owner", "reader"))
        shown = f"of {made.reader.name} to read the tables"
        yield Step(f"right {shown} that SPIRE will make", f"{collection}privs", {
            **reading, "type": "default_privs", "objs": "TABLES", "target_roles": made.owner.name,
        }, missing)
        yield Step(f"right {shown} that are there", f"{collection}privs", {**reading, "type": "table", "objs": "ALL_IN_SCHEMA"}, missing)


def _mysql(made: Setup, logged_in: Mapping[str, Any]) -> Iterator[Step]:
    yield Step(f"database {made.database}", "community.mysql.mysql_db", {**logged_in, "name": made.database})
    for account in made.accounts:
        rights = "ALL" if account is made.owner else "SELECT"
        yield Step(f"user {account.name} with rights on {made.database}", "community.mysql.mysql_user", {
            **logged_in, "name": account.name, "host": made.client_host, "priv": f"{quoted(made.database)}.*:{rights}", "append_privs": True,
            "column_case_sensitive": True, **({"tls_requires": {account.requires: None}} if account.requires else {}), **_password(account),
        })


def _password(account: Account) -> dict[str, str]:
    return {"password": account.password} if account.password else {}
