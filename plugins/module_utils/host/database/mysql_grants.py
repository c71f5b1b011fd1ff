# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the lines of SHOW GRANTS allow a user of MySQL or MariaDB."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Optional

#: a right on all tables of a database, or of all databases; the name of a database is a pattern
_GRANT = re.compile(r"GRANT (?P<rights>.+?) ON (?:\*|(?P<quote>[`\"])(?P<database>.+?)(?P=quote))\.\* TO ", re.DOTALL)
_ROLE = re.compile(r"GRANT [`'\"]|SET DEFAULT ROLE ")
_PART = re.compile(r"\\(.)|(%)|(_)|(.)", re.DOTALL)
#: rights with which read_only does not bind a user
_ABOVE_READ_ONLY = frozenset(("SUPER", "READ_ONLY ADMIN", "READ ONLY ADMIN", "CONNECTION_ADMIN"))
_ALL = frozenset(("ALL PRIVILEGES", "ALL"))


class Grants:
    """The rights of a user."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._rights: list[tuple[Optional[str], frozenset[str]]] = []
        self._has_roles = False
        for line in lines:
            found = _GRANT.match(line)
            if found:
                rights = re.sub(r"\([^)]*\)", "", found["rights"])
                self._rights.append((found["database"], frozenset(right.strip().upper() for right in rights.split(","))))
            elif _ROLE.match(line):
                self._has_roles = True

    def allow(self, database: str, wanted: Iterable[str]) -> bool:
        """Whether the user has these rights on a database. What a role gives is not in the lines, so a user with roles counts as one who has them."""
        held = frozenset[str]().union(*(rights for pattern, rights in self._rights if pattern is None or _matches(pattern, database)))
        return self._has_roles or bool(held & _ALL) or held.issuperset(wanted)

    @property
    def ignore_read_only(self) -> bool:
        """Whether the user may change tables of a database that is read-only for others."""
        held = frozenset[str]().union(*(rights for pattern, rights in self._rights if pattern is None))
        return self._has_roles or bool(held & (_ABOVE_READ_ONLY | _ALL))


def _matches(pattern: str, database: str) -> bool:
    pattern = pattern.replace("``", "`")
    parts = (re.escape(one[1] or one[4]) if one[1] or one[4] else ".*" if one[2] else "." for one in _PART.finditer(pattern))
    return re.fullmatch("".join(parts), database, re.DOTALL) is not None
