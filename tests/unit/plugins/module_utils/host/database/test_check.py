# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a database says about itself decides whether the planned SPIRE can use it."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.host.database import check
from ansible_collections.spire.fleet.plugins.module_utils.host.database.common import Answer, DatabaseError, Target, Unchecked

CONNECTION = {
    "type": "postgres", "addresses": [{"name": "db1", "host": "db1", "port": 5432}], "user": "spire", "password": "secret", "database": "spire",
    "settings": {}, "modes": ["disable"], "ca": "", "certificate": "", "key": "", "direct": False, "cleartext": True, "timeout": 1.0,
    "system_user": "", "read_only": False, "schema": 25, "release": "1.15.3", "disable_migration": False,
}
NEW = {"product": "PostgreSQL", "version": (15,), "may_create": True, "read_only": False}
REPLICA = {**NEW, "read_only": True, "replica": True}
OURS = {**NEW, "exists": True, "schema": 25, "release": "1.15.3"}


def checked(monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any], **more: Any) -> dict[str, str]:
    monkeypatch.setitem(check.CLIENTS, "postgres", lambda target: Answer(**answer))
    (found,) = check.check_all([{**CONNECTION, **more}], {})
    return found


@pytest.mark.parametrize(("answer", "more", "kind"), [
    (NEW, {}, ""),
    ({**NEW, "may_create": False}, {}, "no_rights"),
    ({**NEW, "may_create": False}, {"disable_migration": True}, "no_rights"),
    ({**NEW, "read_only": True}, {}, "read_only"),
    ({**NEW, "read_only": True, "may_create": False}, {"read_only": True}, ""),
    ({**OURS, "may_use": False}, {"read_only": True}, "no_rights"),
    ({**OURS, "schema": None}, {"read_only": True}, "foreign"),
    ({**NEW, "version": (8, 3)}, {}, "too_old"),
    ({**NEW, "version": (8, 3)}, {"read_only": True}, "too_old"),
    ({**NEW, "product": "MySQL", "version": (5, 5, 2)}, {}, "too_old"),
    (OURS, {}, ""),
    ({**OURS, "may_create": False}, {}, ""),
    ({**OURS, "may_use": False}, {}, "no_rights"),
    ({**OURS, "schema": None}, {}, "foreign"),
    ({**OURS, "schema": 24, "release": "1.14.3", "may_create": False}, {}, "no_rights"),
    ({**OURS, "schema": 24, "release": "1.14.3", "may_create": False}, {"disable_migration": True}, ""),
    ({**OURS, "schema": 23, "release": "1.13.6"}, {"disable_migration": True}, "older_schema"),
    ({**OURS, "schema": 23, "release": "1.13.6"}, {}, ""),
    ({**OURS, "schema": 25, "release": "1.17.0"}, {}, ""),
    ({**OURS, "schema": 26, "release": "1.16.0"}, {}, ""),
    ({**OURS, "schema": 26, "release": "1.17.0"}, {}, "newer_schema"),
    ({**OURS, "schema": 26, "release": "2.15.0"}, {}, "newer_schema"),
    ({**OURS, "schema": 26, "release": "1.17.0"}, {"schema": 0}, ""),
    ({**OURS, "schema": 0, "release": ""}, {}, ""),
])
def test_a_database_is_judged(answer: dict[str, Any], more: dict[str, Any], kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = checked(monkeypatch, answer, **more)
    assert (found["kind"], bool(found["wrong"])) == (kind, bool(kind))


@pytest.mark.parametrize(("product", "version", "note"), [
    ("PostgreSQL", (13,), ""), ("PostgreSQL", (9, 6), "It is PostgreSQL 9.6, which may work, but SPIRE is tested with PostgreSQL 13 and newer."),
    ("MySQL", (8, 0, 36), ""), ("MySQL", (5, 7, 44), "It is MySQL 5.7.44, which may work, but SPIRE is tested with MySQL 8.0 and newer."),
    ("MariaDB", (10, 11, 6), ""),
    ("MariaDB", (10, 4, 1), "It is MariaDB 10.4.1, which may work, but SPIRE's driver supports MariaDB 10.5 and newer."),
])
def test_an_old_database_is_noted(product: str, version: tuple[int, ...], note: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert checked(monkeypatch, {**NEW, "product": product, "version": version}) == {"kind": "", "wrong": "", "note": note}


@pytest.mark.parametrize(("error", "found"), [
    (DatabaseError("refused", "Nobody listens."), {"kind": "refused", "wrong": "Nobody listens.", "note": ""}),
    (Unchecked("it asks for Kerberos"), {"kind": "", "wrong": "", "note": "It was not checked, because it asks for Kerberos."}),
])
def test_errors_are_returned(error: Exception, found: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(target: Target) -> Answer:
        assert (target.addresses[0].port, target.password, target.contents) == (5432, "secret", {"/ca.pem": "CA"})
        raise error

    monkeypatch.setitem(check.CLIENTS, "postgres", ask)
    assert check.check_all([CONNECTION], {"/ca.pem": "CA"}) == [found]


@pytest.mark.parametrize(("primary", "position"), [({**NEW, "position": "0/5A"}, "0/5A"), ({**NEW, "read_only": True, "position": "0/5A"}, "")])
def test_a_replica_is_asked_for_the_position_of_its_primary(primary: dict[str, Any], position: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def ask(target: Target) -> Answer:
        asked.append((target.read_only, target.position))
        return Answer(**(REPLICA if target.read_only else primary))

    monkeypatch.setitem(check.CLIENTS, "postgres", ask)
    first, second = check.check_all([CONNECTION, {**CONNECTION, "read_only": True}], {})
    assert asked == [(False, ""), (True, position)]
    assert (first["kind"], second) == ("" if position else "read_only", {"kind": "", "wrong": "", "note": ""})
