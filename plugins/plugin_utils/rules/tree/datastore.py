# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about the server's database. A connection string is a secret: no message contains a part of one."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.blocks import plugin_is_enabled
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import child
from ansible_collections.spire.fleet.plugins.plugin_utils.formats import connection_strings, mysql_strings, postgres_strings
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree.environment import names_a_variable

#: the versions of lib/pq, each with the first SPIRE that has it (go.mod of every tag)
_POSTGRES_DRIVERS = ((Version(1, 15, 0), postgres_strings.V1_12), (Version(1, 14, 3), postgres_strings.V1_11))
#: the first SPIRE whose driver of MySQL knows tls=preferred (go.mod: go-sql-driver/mysql v1.5.0)
_MYSQL_PREFERRED = Version(1, 0, 1)


def database(context: RuleContext) -> str:
    """Returns the kind of database, whether it is written as a text or as a block."""
    blocks = context.blocks("database_type")
    return next(iter(blocks[0]), "") if blocks else context.text("database_type")


def _strings(context: RuleContext) -> Iterator[tuple[str, str]]:
    """Yields name and value of each connection string, without those in which SPIRE may replace a variable of the environment."""
    for name in ("connection_string", "ro_connection_string"):
        text = context.text(name)
        if text and not names_a_variable(text):
            yield name, text


@rule(
    "tree", "server:plugins.DataStore.sql.plugin_data",
    source="pkg/server/datastore/sqlstore/postgres.go and pkg/server/datastore/sqlstore/mysql.go (connect), v1.15.3",
)
def connection_string_syntax(context: RuleContext) -> Findings:
    """The driver of the database can read the connection string, takes no parameter for a value, and knows each parameter and its value."""
    kind = connection_strings.kind(database(context))
    for name, text in _strings(context):
        for wrong in _mistakes(kind, text, context.release):
            yield Finding(name, wrong)


def _mistakes(kind: str, text: str, release: Version) -> Iterator[str]:
    try:
        if kind == connection_strings.POSTGRES:
            driver = next((driver for since, driver in _POSTGRES_DRIVERS if release >= since), postgres_strings.V1_10)
            yield from postgres_strings.mistakes(postgres_strings.parse(text), driver)
        elif kind == connection_strings.MYSQL:
            yield from mysql_strings.mistakes(mysql_strings.parse(text), release >= _MYSQL_PREFERRED)
    except ValueError as error:
        yield str(error)


@rule(
    "tree", "server:plugins.DataStore.sql.plugin_data",
    source="pkg/server/datastore/sqlstore/mysql.go (validateMySQLConfig), v1.15.3; both guides to configuring SPIRE",
)
def mysql_parse_time(context: RuleContext) -> Findings:
    """The connection string of a MySQL database has the parameter parseTime=true."""
    for name, found in _mysql(context, "mysql", "aws_mysql"):
        if not found.true("parseTime"):
            yield Finding(name, (
                'The connection string of a MySQL database must have the parameter "parseTime=true"; without it SPIRE does not start.'
            ))


def _mysql(context: RuleContext, *kinds: str) -> Iterator[tuple[str, mysql_strings.Dsn]]:
    """Yields the strings that the driver of MySQL can read, each with the name of its option."""
    for name, text in _strings(context) if database(context) in kinds else ():
        try:
            yield name, mysql_strings.parse(text)
        except ValueError:
            continue  # connection_string_syntax reports it


@rule(
    "tree", "server:plugins.DataStore.sql.plugin_data", since="0.9.0", severity="warning",
    source="doc/plugin_server_datastore_sql.md and pkg/server/datastore/sqlstore/mysql.go, v1.15.3",
)
def database_certificate_options(context: RuleContext) -> Findings:
    """root_ca_path, client_cert_path and client_key_path are set only for MySQL: SPIRE ignores them for other databases."""
    kind = database(context)
    for name in ("root_ca_path", "client_cert_path", "client_key_path"):
        if name in context and kind and kind not in ("mysql", "aws_mysql"):
            instead = ". Use sslrootcert, sslcert and sslkey in connection_string instead" if "postgres" in kind else ". Remove it"
            yield Finding(name, f"This option is for MySQL only, but database_type is {kind}, so SPIRE ignores it{instead}.")


@rule(
    "tree", "server:plugins.DataStore.sql.plugin_data", since="0.9.0", severity="warning",
    source="doc/plugin_server_datastore_sql.md (ro_connection_string), v1.15.3",
)
def sqlite_read_only_replica(context: RuleContext) -> Findings:
    """ro_connection_string, which names a read-only replica, is not set for sqlite3."""
    if database(context) == "sqlite3" and "ro_connection_string" in context:
        yield Finding("ro_connection_string", "A sqlite3 database is one file and has no read-only replica. Remove this option.")


@rule("tree", "server:plugins.DataStore.sql.plugin_data", since="1.9.2", source="pkg/server/datastore/sqlstore/postgres.go, v1.15.3")
def aws_postgres_password(context: RuleContext) -> Findings:
    """The connection string of aws_postgres contains no password, because AWS generates it."""
    for name, text in _strings(context) if database(context) == "aws_postgres" else ():
        found = connection_strings.read(connection_strings.POSTGRES, text)
        if found and found.parameters.get("password"):
            yield Finding(name, "With aws_postgres AWS generates the password, so SPIRE refuses one in the connection string. Remove it.")


@rule(
    "tree", "server:plugins.DataStore.sql.plugin_data", since="1.9.2",
    source="pkg/server/datastore/sqldriver/awsrds/awsrds.go (addPasswordToPostgresConnString), v1.15.3",
)
def aws_postgres_url(context: RuleContext) -> Findings:
    """The connection string of aws_postgres is not a URL, because SPIRE appends the password as a parameter."""
    for name, text in _strings(context) if database(context) == "aws_postgres" else ():
        if text.startswith(("postgres://", "postgresql://")):
            yield Finding(name, (
                "With aws_postgres SPIRE appends password='...' to the string, which makes a URL another one. Write parameters, such as "
                '"host=db.acme.com user=spire dbname=spire sslmode=verify-full".'
            ))


@rule(
    "tree", "server:plugins.DataStore.sql.plugin_data", since="1.9.2",
    source="pkg/server/datastore/sqldriver/awsrds/awsrds.go (addPasswordToMySQLConnString), v1.15.3",
)
def aws_mysql_password(context: RuleContext) -> Findings:
    """The connection string of aws_mysql contains no password, because AWS generates it."""
    for name, found in _mysql(context, "aws_mysql"):
        if found.password:
            yield Finding(name, "With aws_mysql AWS generates the password, so SPIRE refuses one in the connection string. Remove it.")


@rule("tree", "server:plugins.DataStore", since="0.12.0", source="pkg/server/catalog/catalog.go (loadSQLDataStore), v0.12.0")
def disabled_datastore(context: RuleContext) -> Findings:
    """No other DataStore than sql is configured, not even a disabled one: SPIRE counts it and allows only one."""
    for name, body in context.values.items():
        if name != "sql" and isinstance(body, dict) and not plugin_is_enabled(body):
            yield Finding(child(name, "enabled"), "SPIRE counts this DataStore although it is disabled, and allows only one. Remove it.")
