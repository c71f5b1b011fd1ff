# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about the database that servers of one group share.

A connection string is a secret: messages show only the name of a database, its host and its port.
"""

from __future__ import annotations


from ansible_collections.spire.fleet.plugins.plugin_utils.formats import connection_strings
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.support import group_of, machine, one_trust_domain

_SQL = "plugins.DataStore.sql.plugin_data"


@rule(
    "fleet", "server:plugins.DataStore.sql.plugin_data.database_type",
    source="doc/scaling_spire.md (high availability), v1.15.3; the newer guide to configuring SPIRE",
)
def shared_datastore(context: RuleContext) -> Findings:
    """Several servers of one group have the same database_type, and it is not sqlite3."""
    planned: Plan = context.plan
    group, together, before = group_of(context)
    if len(together) < 2 or not one_trust_domain(together):
        return
    path = f"{_SQL}.database_type"
    kind = _kind(planned)
    if kind == "sqlite3":
        yield Finding(path, (
            f"There are {len(together)} servers in {group}, but sqlite3 is a file on one host, so each server would have a database of its "
            "own. Use one PostgreSQL or MySQL database for all of them (database_type: postgres or mysql)."
        ))
        return
    other = next((other for other in before if _kind(other) not in (kind, "sqlite3")), None)
    if other:
        yield Finding(path, (
            f"It is {kind} here but {_kind(other)} on {other.host}, which is also in {group}. Servers of one group must share one database."
        ))


@rule(
    "fleet", "server:plugins.DataStore.sql.plugin_data.connection_string",
    source="doc/scaling_spire.md (high availability), v1.15.3; the newer guide to configuring SPIRE",
)
def database_name(context: RuleContext) -> Findings:
    """The connection strings of servers of one group name the same database. Without a name, PostgreSQL takes the user's name for it."""
    planned: Plan = context.plan
    group, together, before = group_of(context)
    if not one_trust_domain(together):
        return
    before = [other for other in before if _kind(other) == _kind(planned)]
    other = next((other for other in before if _database(other)), planned)
    if _database(planned) and _database(planned) != _database(other):
        here, there = _connection(planned).database, _connection(other).database
        apart = f"It names the database {here} here but {there} on {other.host}, which is also in {group}" if here and there else (
            f"The string of {other.host if here else planned.host} names no database, so PostgreSQL takes the one that has the name of the user, and "
            f"{other.host} and {planned.host}, which are both in {group}, get different databases. Write the same dbname in both strings"
        )
        yield Finding(f"{_SQL}.connection_string", f"{apart}. Servers of one group must share one database.")


@rule(
    "fleet", "server:plugins.DataStore.sql.plugin_data.connection_string", severity="warning", allow=True, after=(database_name,),
    source="doc/scaling_spire.md (high availability), v1.15.3; the newer guide to configuring SPIRE",
)
def datastore_address(context: RuleContext) -> Findings:
    """Servers of one group connect to the same host and port for their database, and none of them connects to its own machine."""
    planned: Plan = context.plan
    group, together, before = group_of(context)
    if len(together) < 2 or not one_trust_domain(together):
        return
    before = [other for other in before if _kind(other) == _kind(planned)]
    path, here = f"{_SQL}.connection_string", _connection(planned)
    apart = [other for other in together if machine(other) != machine(planned)]
    if here.local and any(_connection(other).local for other in apart):
        yield Finding(path, (
            f"It connects to {here.host}, which is a different machine for each of the {len(together)} servers in {group}. Write the host of the "
            "database, unless a connection pooler on each machine forwards to the same database."
        ))
        return
    led = ((other, _connection(other)) for other in before)
    other, there = next(((other, found) for other, found in led if found.host), (planned, here))
    if here.host and not _alike(here, there):
        yield Finding(path, (
            f"It connects to {here.address} here but to {there.address} on {other.host}, which is also in {group}. Write the same host and port "
            "in both, unless both are connection poolers of the same database."
        ))


def _alike(here: connection_strings.Connection, there: connection_strings.Connection) -> bool:
    one_host = here.host.lower() == there.host.lower() or here.local and there.local
    return one_host and here.port == there.port


def _connection(planned: Plan) -> connection_strings.Connection:
    """Returns the parts of the connection string; UNKNOWN where it can't be parsed or must not be shown."""
    text = str(planned.plugin_data("DataStore", "sql").get("connection_string") or "")
    found = connection_strings.read(_kind(planned), text, planned.environment)
    return found if found and found.showable else connection_strings.UNKNOWN


def _database(planned: Plan) -> str:
    """Returns the database that the server uses; empty where that is not known. No message shows it, since it may be the name of a user."""
    found = _connection(planned)
    return found.database or (found.user if _kind(planned) == connection_strings.POSTGRES else "")


def _kind(planned: Plan) -> str:
    return connection_strings.kind(planned.plugin_data("DataStore", "sql").get("database_type"))
