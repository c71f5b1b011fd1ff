# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about the connection of a server to its database, which depends on the service's environment too.

A connection string is a secret: messages show only the host and the port.
"""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.spire.fleet.plugins.plugin_utils.formats import connection_strings
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.support import template_failed
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree.environment import names_a_variable

_SQL = "plugins.DataStore.sql.plugin_data"


def _connections(planned: Plan) -> Iterator[tuple[str, connection_strings.Connection]]:
    """Yields the path of each connection string that the driver can read, with what it says."""
    sql = planned.plugin_data("DataStore", "sql")
    kind = connection_strings.kind(sql.get("database_type"))
    # a value whose template failed is not known yet, and that is reported already
    for name in ("connection_string", "ro_connection_string") if not template_failed(planned) else ():
        text = str(sql.get(name) or "")
        found = connection_strings.read(kind, text, planned.environment) if text and not names_a_variable(text) else None
        if found:
            yield f"{_SQL}.{name}", found


@rule(
    "host", "server:plugins.DataStore.sql.plugin_data.connection_string", severity="warning",
    source="pkg/server/datastore/sqlstore/postgres.go and pkg/server/datastore/sqlstore/mysql.go (connect), v1.15.3",
)
def datastore_host(context: RuleContext) -> Findings:
    """The connection string of PostgreSQL or MySQL names the host of the database, or spire_server_environment does (PGHOST)."""
    for path, found in _connections(context.plan):
        if found.default_host:
            yield Finding(path, (
                f"It names no host, so SPIRE connects to {found.host}. Write the host of the database, also where it is the server's own machine."
            ))


@rule(
    "host", "server:plugins.DataStore.sql.plugin_data.connection_string", severity="warning",
    source="doc/plugin_server_datastore_sql.md, v1.15.3; github.com/lib/pq, ssl.go; github.com/go-sql-driver/mysql, dsn.go",
)
def datastore_encryption(context: RuleContext) -> Findings:
    """The connection to PostgreSQL or MySQL is encrypted, unless it stays on the server's machine."""
    planned: Plan = context.plan
    sql = planned.plugin_data("DataStore", "sql")
    mysql = connection_strings.kind(sql.get("database_type")) == connection_strings.MYSQL
    if mysql and (sql.get("root_ca_path") or sql.get("client_cert_path") and sql.get("client_key_path")):
        return  # SPIRE sets tls itself (pkg/server/datastore/sqlstore/mysql.go, configureConnection)
    remedy = "Set root_ca_path, or tls=true in the string" if mysql else "Set sslmode=verify-full and sslrootcert in the string"
    for path, found in _connections(planned):
        if found.clear and not found.local:
            where = f" to {found.address}" if found.showable else ""
            what = "is not encrypted" if found.never_encrypted else "is not encrypted where the database does not ask for encryption or offers none"
            yield Finding(path, f"The connection{where} {what}. {remedy}.")
