# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a server's database can be used by the planned release of SPIRE. Nothing is written to the database."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Optional

from ansible_collections.spire.fleet.plugins.module_utils.host.database import mysql, postgres, replica
from ansible_collections.spire.fleet.plugins.module_utils.host.database.common import Address, Answer, DatabaseError, Target, Unchecked

CLIENTS = {"mysql": mysql.ask, "postgres": postgres.ask}
#: the first version of each product that SPIRE's driver can talk to: lib/pq, CHANGELOG.md, v1.11.0 (common table expressions); utf8mb4, which
#: go-sql-driver/mysql asks for (const.go, defaultCollation, v1.10.0)
_NEEDED = {"PostgreSQL": (8, 4), "MySQL": (5, 5, 3), "MariaDB": (5, 5)}
#: the first version that is tested or supported, and by whom: test/integration/suites/datastore-postgres and -mysql, v1.15.3;
#: go-sql-driver/mysql, README.md, v1.10.0
_TESTED = {
    "PostgreSQL": ((13,), "SPIRE is tested with PostgreSQL 13 and newer"),
    "MySQL": ((8, 0), "SPIRE is tested with MySQL 8.0 and newer"),
    "MariaDB": ((10, 5), "SPIRE's driver supports MariaDB 10.5 and newer"),
}


def check_all(connections: Iterable[Mapping[str, Any]], contents: Mapping[str, str]) -> list[dict[str, str]]:
    """Returns what is wrong with the databases of one server, and what a person should know, each as a text that may be empty.

    Each connection has the options of the module datastore_info; the one that SPIRE writes to comes first. ``contents`` are the files that the
    run will put on the host.
    """
    primary: Optional[Answer] = None
    found = []
    for connection in connections:
        result, answer = _check(connection, contents, primary)
        found.append(result)
        if not connection["read_only"]:
            primary = answer
    return found


def _check(connection: Mapping[str, Any], contents: Mapping[str, str], primary: Optional[Answer]) -> tuple[dict[str, str], Optional[Answer]]:
    """Returns the result for one database, and its answer where SPIRE can use it."""
    target = Target(
        addresses=[Address(**one) for one in connection["addresses"]],
        contents=contents,
        **{name: connection[name] for name in (
            "user", "password", "database", "settings", "modes", "ca", "certificate", "key", "direct", "cleartext", "timeout", "read_only",
            "system_user",
        )},
        position=primary.position if primary else "",
    )
    try:
        answer = CLIENTS[connection["type"]](target)
        _judge(answer, connection)
        notes = [_note(answer), *(replica.judge(answer, primary) if connection["read_only"] else ())]
    except DatabaseError as exc:
        return {"kind": exc.kind, "wrong": str(exc), "note": ""}, None
    except Unchecked as exc:
        return {"kind": "", "wrong": "", "note": f"It was not checked, because {exc}."}, None
    return {"kind": "", "wrong": "", "note": " ".join(filter(None, notes))}, answer


def _note(answer: Answer) -> str:
    first, words = _TESTED[answer.product]
    return f"It is {answer.product} {_dotted(answer.version)}, which may work, but {words}." if answer.version < first else ""


def _judge(answer: Answer, connection: Mapping[str, Any]) -> None:
    """Raises DatabaseError for what SPIRE could not work with."""
    needed = _NEEDED[answer.product]
    if answer.version < needed:
        raise DatabaseError("too_old", (
            f"It is {answer.product} {_dotted(answer.version)}, and SPIRE's driver needs {_dotted(needed)} or newer. Bring the database up to date."
        ))
    if connection["read_only"]:
        return
    if answer.read_only:
        raise DatabaseError("read_only", (
            "The database takes no changes: it is a replica, or its transactions are read-only. Name the primary; a replica is for ro_connection_string."
        ))
    if not answer.may_use:
        raise DatabaseError("no_rights", (
            "The table migrations exists and the user may not read or change it, so the tables belong to somebody else. Give them to the user of SPIRE."
        ))
    if answer.schema is None:
        raise DatabaseError("foreign", "The table migrations there is not SPIRE's: it has no version. Give SPIRE a database of its own.")
    makes_tables = not answer.exists or 0 < answer.schema < connection["schema"] and not connection["disable_migration"]
    if makes_tables and not answer.may_create:
        raise DatabaseError("no_rights", f"The user may not create tables, which SPIRE does at its {_when(answer)}. {_GRANTS[answer.product]}")
    _judge_schema(answer.schema, answer.release, connection)


def _when(answer: Answer) -> str:
    return "next start, to bring its own tables up to date" if answer.exists else "first start"


_GRANTS = {
    "PostgreSQL": (
        "Make it the owner of the database (ALTER DATABASE ... OWNER TO ...), or grant it (GRANT USAGE, CREATE ON SCHEMA public TO ...). From "
        "PostgreSQL 15 on nobody but the owner has that right from the beginning."
    ),
    **dict.fromkeys(("MySQL", "MariaDB"), "Grant it (GRANT ALL PRIVILEGES ON ... TO ...)."),
}


def _judge_schema(schema: int, release: str, connection: Mapping[str, Any]) -> None:
    """Raises DatabaseError for a schema that SPIRE refuses: another one than its own, made by a release that is not the next or the last minor one.

    Source: pkg/server/datastore/sqlstore/migration.go (migrateDB, isCompatibleCodeVersion), v1.15.3
    """
    known, planned, made = connection["schema"], _minor(connection["release"]), _minor(release)
    if not schema or not known or schema == known or made[0] == planned[0] and abs(made[1] - planned[1]) <= 1:
        return
    what = f"Its tables were made by SPIRE {release} (version {schema} of the schema), and SPIRE {connection['release']} knows version {known}."
    if schema > known:
        raise DatabaseError("newer_schema", (
            f"{what} It starts with a newer one only if that is of the next minor release. Plan a newer SPIRE, or name the right database."
        ))
    if connection["disable_migration"]:
        raise DatabaseError("older_schema", f"{what} It may not bring them up to date, because of disable_migration. Take that away for one start.")


def _minor(release: str) -> tuple[int, int]:
    found = re.match(r"(\d+)\.(\d+)", release)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
