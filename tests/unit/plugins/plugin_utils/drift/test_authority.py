# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server never makes a new authority in silence."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.drift.compare import compare
from tests.unit.builders.fleets import planned
from tests.unit.builders.observed import NOW, converged, state


def database(text: str, kind: str = "postgres") -> dict[str, Any]:
    sql = {"database_type": kind, "connection_string": text}
    return {"spire_server_config": {"plugins": {"DataStore": {"sql": {"plugin_data": sql}}}}}


def errors(before: dict[str, Any] | str, after: dict[str, Any], **observed: Any) -> list[str]:
    """Returns the errors for a server that was set up with some variables, or has a file of its own, and is planned with others."""
    new = planned("server", after)
    text = before if isinstance(before, str) else planned("server", before).files[0].content
    file = new.files[0]
    host = converged(new)
    host["files"]["configuration"] = state(file.mode, file.owner, file.group, text)
    return [error.split(". ")[0] for error in compare(new, {**host, **observed}, None, NOW).errors]


def test_a_changed_trust_domain_is_asked_about() -> None:
    after = {"spire_trust_domain": "other.acme.com"}
    assert errors({}, after) == ["This server has the trust domain prod.acme.com, and the inventory has other.acme.com"]
    assert errors({}, {**after, "spire_new_authority": True}) == []
    # A server that never became healthy has no authority to lose.
    assert errors({}, after, was_healthy=False) == []


def test_a_file_that_a_person_wrote_is_read_as_spire_reads_it() -> None:
    text = '{"Server": [{"Trust_domain": "spiffe://prod.acme.com"}]}'
    assert errors(text, {}) == []
    assert errors(text, {"spire_trust_domain": "other.acme.com"}) == [
        "This server has the trust domain prod.acme.com, and the inventory has other.acme.com"
    ]


def test_a_datastore_that_is_gone_is_asked_about() -> None:
    (found,) = errors({}, {}, datastore=False)
    assert found == (
        "This server was installed before, and its datastore /var/lib/spire/server/main/datastore.sqlite3 is missing"
    )
    assert errors({}, {"spire_new_authority": True}, datastore=False) == []


@pytest.mark.parametrize(
    ("before", "after", "asked"),
    [
        ({}, database("host=db dbname=spire password=secret"), True),
        (database("host=db dbname=spire password=secret"), database("host=db dbname=spire password=other"), False),
        (database("host=db dbname=spire password=secret"), database("host=db2 dbname=spire password=secret"), True),
        (database("host=db dbname=spire password=secret"), database("host=db dbname=other password=secret"), True),
    ],
)
def test_another_database_is_asked_about(before: dict[str, Any], after: dict[str, Any], asked: bool) -> None:
    found = errors(before, after)
    assert [error.startswith("This server uses the ") for error in found] == [True] * asked
    assert "secret" not in str(found)


def test_a_file_that_can_not_be_read_says_nothing() -> None:
    plan = planned("server")
    host = converged(plan)
    host["files"]["configuration"] = state("0640", "root", "spire-server", "server {")
    assert compare(plan, host, None, NOW).errors == []
