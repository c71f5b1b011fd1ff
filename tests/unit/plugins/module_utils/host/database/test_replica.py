# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What two databases say about themselves decides whether one is a replica of the other. Real ones are compared in the scenario postgres."""

from __future__ import annotations

from typing import Any, Optional

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.host.database import common, replica
from ansible_collections.spire.fleet.plugins.module_utils.host.database.common import Answer, DatabaseError

NEW = {"product": "PostgreSQL", "version": (15,), "may_create": True, "read_only": False, "cluster": "71/5"}
OURS = {**NEW, "exists": True, "schema": 25, "release": "1.15.3", "origin": "a.test 1"}
COPY = {**OURS, "read_only": True, "replica": True}
#: a replica of a product that does not name its cluster, such as MariaDB
UNNAMED, UNNAMED_COPY = {**OURS, "cluster": ""}, {**COPY, "cluster": ""}


@pytest.mark.parametrize(("answer", "primary", "kind"), [
    (COPY, OURS, ""),
    (COPY, None, ""),
    (OURS, OURS, ""),
    ({**COPY, "cluster": "72/5"}, OURS, "other_database"),
    ({**COPY, "cluster": "71/6"}, OURS, "other_database"),
    ({**OURS, "cluster": "72/5"}, OURS, ""),
    ({**OURS, "cluster": "72/5", "origin": "a.test 2"}, OURS, "other_database"),
    ({**OURS, "cluster": "72/5"}, NEW, "other_database"),
    (UNNAMED_COPY, UNNAMED, ""),
    ({**UNNAMED_COPY, "origin": "a.test 2"}, UNNAMED, "other_database"),
    ({**UNNAMED_COPY, "origin": ""}, UNNAMED, "other_database"),
    ({**UNNAMED_COPY, "origin": "", "behind": "it is behind"}, UNNAMED, ""),
    ({**NEW, "read_only": True, "replica": True}, NEW, ""),
    ({**NEW, "read_only": True, "replica": True}, OURS, "no_tables"),
    ({**NEW, "read_only": True, "replica": True, "behind": "it is behind"}, OURS, ""),
    ({**COPY, "may_use": False}, OURS, "no_rights"),
    ({**COPY, "schema": None}, OURS, "foreign"),
])
def test_two_databases_are_compared(answer: dict[str, Any], primary: Optional[dict[str, Any]], kind: str) -> None:
    found = ""
    try:
        list(replica.judge(Answer(**answer), Answer(**primary) if primary else None))
    except DatabaseError as exc:
        found = exc.kind
    assert found == kind


@pytest.mark.parametrize(("answer", "notes"), [
    (COPY, []), (OURS, ["It takes changes, "]), ({**OURS, "read_only": True}, []), ({**COPY, "behind": "it is 8 bytes behind"}, ["The replica lags: 5 "]),
])
def test_a_person_is_told(answer: dict[str, Any], notes: list[str]) -> None:
    found = list(replica.judge(Answer(**answer), Answer(**OURS)))
    assert [text for text, note in zip(found, notes) if text.startswith(note)] == found and len(found) == len(notes)


def test_a_replica_has_time_to_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common, "PATIENCE", 0.5)
    answers = iter([False, True])
    assert common.behind(lambda: next(answers), lambda: "far") == ""
    assert common.behind(lambda: False, lambda: "far") == "far"
