# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether servers of one group share one database. Of connection strings, plain names of a database, host and port alone are told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.formats import connection_strings
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.support import at, machine
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import fleet_rule

_SQL = "plugins.DataStore.sql.plugin_data"


def check(planned: Plan, group: str, together: Sequence[Plan], before: Sequence[Plan]) -> Iterable[Problem]:
    """What a server's database has against those of its group; ``together`` are all of it, ``before`` those that come first."""
    yield from _shared_datastore(planned, group, together, before)
    alike = [other for other in before if _kind(other) == _kind(planned)]
    two = list(_one_database(planned, group, alike))
    yield from two
    if not two:
        yield from _one_address(planned, group, together, alike)


@fleet_rule("server")
def _shared_datastore(
    planned: Plan, group: str, together: Sequence[Plan], before: Sequence[Plan]
) -> Iterable[Problem]:
    """Several servers of one group share one database, of one type, and that is no file of one host.

    Source: doc/scaling_spire.md (high availability), v1.15.3; the newer guide to configuring SPIRE
    """
    path = f"{_SQL}.database_type"
    kind = _kind(planned)
    if kind == "sqlite3":
        yield at(planned, "shared_datastore", path, (
            f"There are {len(together)} servers in {group}, and sqlite3 is a file on one host: each of them would be a trust "
            "domain of its own. Give them one PostgreSQL or MySQL database (database_type: postgres or mysql)."
        ))
        return
    other = next((other for other in before if _kind(other) not in (kind, "sqlite3")), None)
    if other:
        yield at(planned, "datastore_differs", path, (
            f"It is {kind} here and {_kind(other)} on {other.host}, and both are in {group}; servers of one group share one "
            "database."
        ))


@fleet_rule("server")
def _one_database(planned: Plan, group: str, before: Sequence[Plan]) -> Iterable[Problem]:
    """The connection strings of servers of one group name one database.

    Source: doc/scaling_spire.md (high availability), v1.15.3; the newer guide to configuring SPIRE
    """
    here = _connection(planned).database
    named = ((other, _connection(other).database) for other in before)
    other, there = next(((other, name) for other, name in named if name), (planned, here))
    if here and here != there:
        yield at(planned, "database_differs", f"{_SQL}.connection_string", (
            f"It names the database {here} here and {there} on {other.host}, and both are in {group}; servers of one group share one "
            "database."
        ))


@fleet_rule("server", severity="warning", allow="datastore_address")
def _one_address(planned: Plan, group: str, together: Sequence[Plan], before: Sequence[Plan]) -> Iterable[Problem]:
    """Servers of one group reach their database at one host and port, and none of them at its own machine.

    Source: doc/scaling_spire.md (high availability), v1.15.3; the newer guide to configuring SPIRE
    """
    path, here = f"{_SQL}.connection_string", _connection(planned)
    apart = [other for other in together if machine(other) != machine(planned)]
    if here.local and any(_connection(other).local for other in apart):
        yield at(planned, "database_local", path, (
            f"It leads to {here.host}, which is each machine's own, and there are {len(together)} servers in {group}. That is one "
            "database only where something on each machine, such as a pooler, leads to the same one; otherwise name the database's "
            "host."
        ), "warning", allow="datastore_address")
        return
    led = ((other, _connection(other)) for other in before)
    other, there = next(((other, found) for other, found in led if found.host), (planned, here))
    if here.host and not _alike(here, there):
        yield at(planned, "database_elsewhere", path, (
            f"It leads to {here.address} here and to {there.address} on {other.host}, and both are in {group}. That is one database "
            "only where both lead to the same one, as poolers do; otherwise write the same host and port."
        ), "warning", allow="datastore_address")


def _alike(here: connection_strings.Connection, there: connection_strings.Connection) -> bool:
    one_host = here.host.lower() == there.host.lower() or here.local and there.local
    return one_host and here.port == there.port


def _connection(planned: Plan) -> connection_strings.Connection:
    """What its connection string says; nothing where nobody can tell, or where it would not be shown."""
    text = str(planned.plugin_data("DataStore", "sql").get("connection_string") or "")
    found = connection_strings.read(_kind(planned), text, planned.environment)
    return found if found and found.showable else connection_strings.UNKNOWN


def _kind(planned: Plan) -> str:
    return connection_strings.kind(planned.plugin_data("DataStore", "sql").get("database_type"))
