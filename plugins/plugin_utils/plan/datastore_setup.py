# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server's database must have before SPIRE starts: accounts, the database and rights. The connection strings say all of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from ansible_collections.spire.fleet.plugins.plugin_utils.formats import connection_strings, postgres_strings
from ansible_collections.spire.fleet.plugins.plugin_utils.plan import datastore
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan

PRODUCTS = {connection_strings.POSTGRES: "PostgreSQL", connection_strings.MYSQL: "MySQL"}
#: the modes in which a connection is never in clear
_ENCRYPTED = frozenset(("require", "verify-ca", "verify-full"))


class SetupError(ValueError):
    """The database can't be set up by what the connection strings say. The message has no secret."""


@dataclasses.dataclass(frozen=True)
class Account:
    """A user of the database."""

    name: str
    #: empty where the user has none
    password: str = dataclasses.field(repr=False)
    #: whether the user connects with a client certificate, and with TLS alone
    certificate: bool
    encrypted: bool

    @property
    def requires(self) -> str:
        """What MySQL asks of a connection of this user."""
        return "X509" if self.certificate else "SSL" if self.encrypted else ""


@dataclasses.dataclass(frozen=True)
class Setup:
    """What a database must have."""

    #: postgres or mysql
    kind: str
    #: where the database is reached from the servers; a path is that of a Unix socket
    host: str
    port: int
    database: str
    owner: Account
    #: the user of ro_connection_string, where that is another one
    reader: Account | None

    @property
    def local(self) -> bool:
        """Whether the servers connect over a Unix socket."""
        return self.host.startswith(postgres_strings.UNIX_SOCKET)

    @property
    def product(self) -> str:
        """The name of the product, for messages."""
        return PRODUCTS[self.kind]

    @property
    def accounts(self) -> Iterator[Account]:
        """The users, the owner of the tables first."""
        yield self.owner
        if self.reader:
            yield self.reader

    @property
    def same(self) -> tuple[str, str, int, str]:
        """Is equal for servers that share the database."""
        return self.kind, self.host, self.port, self.database

    @property
    def client_host(self) -> str:
        """The hosts from which a user of MySQL may connect."""
        return "localhost" if self.local else "%"


def setup(plan: Plan) -> Setup | None:
    """Returns what a server's database must have; None for SQLite and the AWS types. Raises SetupError where the strings don't say enough."""
    found = {one.option: one for one in datastore.databases(plan)}
    primary = found.get("connection_string")
    if primary is None:
        return None
    for one in found.values():
        if one.unchecked:
            raise SetupError(datastore.sentence(plan.host, one, f"This database can't be set up here, because {one.unchecked}."))
    owner, reader = _account(primary), _account(found["ro_connection_string"]) if "ro_connection_string" in found else None
    given = primary.connection
    made = Setup(
        given["type"], given["addresses"][0]["host"], given["addresses"][0]["port"], given["database"], owner,
        reader if reader and reader.name != owner.name else None,
    )
    for account in made.accounts:
        if made.kind == connection_strings.MYSQL and not account.password and not account.certificate:
            raise SetupError(datastore.sentence(plan.host, primary, (
                f"The user {account.name} has neither a password nor a client certificate, so anybody could log in as this user. Give one of them."
            )))
    return made


def _account(one: datastore.Database) -> Account:
    given = one.connection
    return Account(
        given["user"], given["password"], bool(given["certificate"] and given["key"]), all(mode in _ENCRYPTED for mode in given["modes"])
    )


def statements(made: Setup) -> str:
    """Returns the statements for the administrator's client, with a placeholder for each password, which is not valid before it is filled in."""
    return "\n".join((_postgres if made.kind == connection_strings.POSTGRES else _mysql)(made)) + "\n"


def placeholder(account: Account) -> str:
    """Returns what stands for a password in statements."""
    return f"<password of {account.name}>"


def _postgres(made: Setup) -> Iterator[str]:
    owner = _identifier(made.owner.name)
    for account in made.accounts:
        yield f"CREATE ROLE {_identifier(account.name)} LOGIN{f' PASSWORD {placeholder(account)}' if account.password else ''};"
    yield f"-- An administrator who is no superuser, as in a managed database, must be a member of the role: GRANT {owner} TO CURRENT_USER;"
    yield f"CREATE DATABASE {_identifier(made.database)} OWNER {owner};"
    if made.reader:
        reader = _identifier(made.reader.name)
        yield f"\\connect {_identifier(made.database)}"
        yield f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public GRANT SELECT ON TABLES TO {reader};"
        yield f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader};"


def _mysql(made: Setup) -> Iterator[str]:
    database = quoted(made.database)
    yield f"CREATE DATABASE IF NOT EXISTS {database};"
    for account in made.accounts:
        user = f"{_text(account.name)}@'{made.client_host}'"
        password = f" IDENTIFIED BY {placeholder(account)}" if account.password else ""
        yield f"CREATE USER IF NOT EXISTS {user}{password}{f' REQUIRE {account.requires}' if account.requires else ''};"
        yield f"GRANT {'ALL PRIVILEGES' if account is made.owner else 'SELECT'} ON {database}.* TO {user};"


def _identifier(name: str) -> str:
    """Returns a name as PostgreSQL reads it, in quotes."""
    return '"' + name.replace('"', '""') + '"'


def quoted(name: str) -> str:
    """Returns the name of a database as MySQL reads it, in quotes."""
    return "`" + name.replace("`", "``") + "`"


def _text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
