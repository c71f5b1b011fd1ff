# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The administrator logs in on the database's own host, or over the network from the controller or another host."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.variables import Values
from ansible_collections.spire.fleet.plugins.plugin_utils.plan import datastore_admin
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.datastore_admin import Place
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.datastore_setup import Account, Setup, SetupError

OWNER, READER = Account("spire", "planted-1", True, True), Account("reader", "", False, True)
POSTGRES = Setup("postgres", "db1", 5433, "spire", OWNER, READER)
MYSQL = Setup("mysql", "db1", 3307, "spire", OWNER, READER)
ADMIN = {"spire_datastore_login": {"login_user": "admin"}, "spire_datastore_login_password": "planted-2"}
GIVEN = {"login_user": "admin", "login_password": "planted-2"}


@pytest.mark.parametrize(("variables", "made", "place", "login"), [
    ({}, POSTGRES, Place("", False, "root"), None),
    ({"spire_datastore_host": "db1"}, POSTGRES, Place("db1", True, "postgres"), {"login_port": 5433}),
    ({"spire_datastore_host": "db1"}, dataclasses.replace(POSTGRES, host="/run/postgresql", port=0), Place("db1", True, "postgres"), {}),
    ({"spire_datastore_host": "db1"}, MYSQL, Place("db1", True, "root"), {"login_unix_socket": "/run/mysqld/mysqld.sock"}),
    ({"spire_datastore_host": "db1", "spire_datastore_login": {"login_unix_socket": "/s"}}, MYSQL, Place("db1", True, "root"),
     {"login_unix_socket": "/s"}),
    (ADMIN, POSTGRES, Place("localhost", False, "root"), {**GIVEN, "login_host": "db1", "login_port": 5433}),
    (ADMIN, MYSQL, Place("localhost", False, "root"), {**GIVEN, "login_host": "db1", "login_port": 3307}),
    ({"spire_datastore_host": "jump", "spire_datastore_login": {"login_user": "admin", "login_host": "db1"}}, POSTGRES, Place("jump", False, "root"),
     {"login_user": "admin", "login_host": "db1"}),
])
def test_the_login(variables: dict[str, Any], made: Setup, place: Place, login: dict[str, Any] | None) -> None:
    values = Values(variables)
    assert datastore_admin.place(values, made.kind) == place
    if login is not None:
        assert datastore_admin.login("s1", values, made) == login


def test_a_password_in_the_wrong_variable() -> None:
    with pytest.raises(SetupError, match="s1: spire_datastore_login has login_password. Put the password into spire_datastore_login_password, "):
        datastore_admin.login("s1", Values({"spire_datastore_login": {"login_password": "planted-3"}}), POSTGRES)


@pytest.mark.parametrize(("asked", "expected"), [
    ({}, [True, True]),
    ({"super": True, "belongs_to": "spire", "owner": True, "reader": True}, [False, False]),
    ({"super": True, "belongs_to": "postgres", "owner": True, "reader": True}, [False, False]),
    ({"super": False, "name": "admin", "belongs_to": "spire", "owner": True, "reader": True}, [False, False]),
    ({"super": False, "name": "admin", "belongs_to": None, "owner": True, "reader": True}, [False, True, True]),
    ({"super": False, "name": "admin", "belongs_to": None, "owner": False, "reader": False}, [True, True, True]),
])
def test_what_check_mode_can_not_ask_follows_from_what_is_there(asked: dict[str, Any], expected: list[bool]) -> None:
    """The last steps are the membership, where one is needed, and the two rights of the user who reads."""
    steps = list(datastore_admin.steps(POSTGRES, {}, asked))
    later = [step for step in steps if step.makes.startswith(("membership", "right"))]
    assert [step.needs_earlier for step in later] == expected
    assert not any(step.needs_earlier for step in steps if step not in later)


def test_an_administrator_who_is_no_superuser_tries_the_passwords_of_roles_that_are_there() -> None:
    asked = {"super": False, "name": "admin", "belongs_to": None, "owner": True, "reader": True}
    names = ("login_user", "login_password", "login_host", "login_db")
    ((account, step),) = datastore_admin.logins(POSTGRES, {"login_user": "admin", "login_host": "db1"}, asked)
    assert (account, step.arguments) == (OWNER, dict(zip(names, ("spire", "planted-1", "db1", "postgres"))))
    for more in ({"super": True}, {"owner": False}):
        assert not list(datastore_admin.logins(POSTGRES, {}, {**asked, **more}))
    assert "password" not in next(datastore_admin.steps(POSTGRES, {}, asked, ["spire"])).arguments


@pytest.mark.parametrize(("said", "refused"), [
    ('connection failed: FATAL:  password authentication failed for user "spire"', True), ("no pg_hba.conf entry for host", False), ("", False),
])
def test_only_a_refused_password_is_set_anew(said: str, refused: bool) -> None:
    assert datastore_admin.is_refused({"conn_err_msg": said}) is refused


def test_no_password_is_shown() -> None:
    for made in (POSTGRES, MYSQL):
        steps = list(datastore_admin.steps(made, {"login_password": "planted-2"}, {}))
        assert [step.arguments.get("password") for step in steps].count("planted-1") == 1
        assert "planted" not in repr(steps)
