# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the database of ro_connection_string is a replica of that of connection_string, and follows it.

SPIRE reads from it what agents may have: the entries, and the selectors and aliases of nodes. It asks for no limit of the delay, and never
compares the two databases (DataConsistency TolerateStale in pkg/server/datastore/sqlstore/sqlstore.go, and its callers, v1.15.3).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional

from ansible_collections.spire.fleet.plugins.module_utils.host.database.common import PATIENCE, Answer, DatabaseError


def judge(answer: Answer, primary: Optional[Answer]) -> Iterator[str]:
    """Yields what a person should know of a database that SPIRE only reads; raises DatabaseError where SPIRE can't use it.

    ``primary`` is what the database of connection_string says; None where that could not be used or was not checked.
    """
    if primary is not None:
        _compare(answer, primary)
    if answer.exists and answer.schema is None:
        raise DatabaseError("foreign", "The table migrations there is not SPIRE's: it has no version. Name a replica of SPIRE's database.")
    if answer.exists and not answer.may_use:
        raise DatabaseError("no_rights", (
            "The user may not read SPIRE's tables. Grant it on the primary (GRANT SELECT ...), for tables that SPIRE will make, too (ALTER DEFAULT "
            "PRIVILEGES)." if answer.product == "PostgreSQL" else "The user may not read SPIRE's tables. Grant it on the primary (GRANT SELECT ON ...)."
        ))
    if not answer.replica and not answer.read_only:
        yield (
            "It takes changes, so it is no replica, or one that was promoted. SPIRE reads the entries of agents from it, and writes them to the "
            "database of connection_string. Name a replica, or leave ro_connection_string out."
        )
    if answer.behind:
        yield (
            f"The replica lags: {PATIENCE:g} seconds after the beginning of the check it has not replayed what the database of connection_string had then "
            f"({answer.behind}). Until it has, agents do not get new entries, and go on to get deleted ones. Look at its replication."
        )


def _compare(answer: Answer, primary: Answer) -> None:
    """Raises DatabaseError where the two databases hold different data."""
    same = bool(answer.cluster) and answer.cluster == primary.cluster
    different = answer.replica and bool(answer.cluster and primary.cluster) and not same
    if not different and not same and not answer.behind:
        different = answer.exists and not primary.exists or bool(primary.origin and answer.exists and answer.may_use and answer.origin != primary.origin)
    if different:
        raise DatabaseError("other_database", (
            "It is no copy of the database of connection_string: its data began elsewhere. SPIRE would give agents the entries of another database. "
            "Name a replica of that one."
        ))
    if primary.exists and not answer.exists and not answer.behind:
        raise DatabaseError("no_tables", (
            "It has none of SPIRE's tables, and the database of connection_string has them. SPIRE does not start without them. Name a replica of that "
            "database, or look at its replication."
        ))
