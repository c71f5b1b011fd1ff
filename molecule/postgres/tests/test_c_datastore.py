# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook datastore makes what a connection string names, or prints the statements; prepare.yml used it for the server's own database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.formats import postgres_strings
from tests.support import site_run

PSQL = "runuser -u postgres -- psql --quiet --no-align --tuples-only --set=ON_ERROR_STOP=1"
TASK = "Make the role, the database and its rights"
PASSWORDS = {"two": 'planted "pass\'word" 2 \\', "three": "planted-password-3c3c", "reader": "planted pass'word r4"}
ROLES = """
SELECT rolname, rolcanlogin, rolsuper, rolcreatedb FROM pg_roles WHERE rolname = '{0}';
SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = '{0}';
"""
#: an administrator who is no superuser, as managed databases have
ADMIN = "CREATE ROLE admin LOGIN CREATEROLE CREATEDB PASSWORD 'planted-admin-77d0'"
NO_COLLECTIONS = {"ANSIBLE_COLLECTIONS_SCAN_SYS_PATH": "false", "ANSIBLE_STDOUT_CALLBACK": "default"}


def variables(name: str, password: str = "", **more: Any) -> dict[str, Any]:
    """Returns the variables of a server with a database and a user of this name, and with another user for reading."""
    made = {"host": "db1", "dbname": name, "user": name, "password": password or PASSWORDS[name], "sslmode": "require"}
    sql = {
        "database_type": "postgres", "connection_string": postgres_strings.build(made),
        "ro_connection_string": postgres_strings.build({**made, "host": "db2", "user": "reader", "password": PASSWORDS["reader"]}),
    }
    return {"spire_server_config": {"plugins": {"DataStore": {"sql": {"plugin_data": sql}}}}, "spire_server_files": {}, **more}


def admin(shell: Callable[..., str], text: str, database: str = "postgres") -> str:
    return shell("db1", f"{PSQL} {database}", text)


def made(run: site_run.Run) -> list[str]:
    (result,) = run.require().of("server1", TASK)
    return list(result["made"])


def log_in(shell: Callable[..., str], user: str, database: str, statement: str) -> str:
    """Runs a statement as a user who logs in over the network; the password is in no argument."""
    command = f"read -r PGPASSWORD; export PGPASSWORD; psql --no-align --tuples-only 'host=db1 user={user} dbname={database} sslmode=require' -c '{statement}'"
    return shell("db1", command, PASSWORDS[user] + "\n")


def require_usable(shell: Callable[..., str], name: str) -> None:
    """Checks that the owner can make tables, and that the user for reading can read them, and not more."""
    log_in(shell, name, name, "CREATE TABLE first (id int); INSERT INTO first VALUES (7)")
    assert log_in(shell, "reader", name, "SELECT id FROM first") == "7"
    with pytest.raises(AssertionError, match="permission denied"):
        log_in(shell, "reader", name, "DELETE FROM first")
    assert admin(shell, ROLES.format(name)) == f"{name}|t|f|f\n{name}"


def test_the_servers_own_database_needs_nothing() -> None:
    run = site_run.run("datastore")
    assert made(run) == [] and run.changed == {}
    assert made(site_run.run("datastore", "--check")) == []


def test_check_mode_says_what_a_run_makes(shell: Callable[..., str]) -> None:
    checked = site_run.run("datastore", "--check", "--diff", variables=variables("two"))
    (result,) = checked.require().of("server1", TASK)
    assert result["made"] == [
        "role two", "role reader", "database two, owned by two", "right of reader to read the tables that SPIRE will make",
        "right of reader to read the tables that are there",
    ]
    assert result["diff"]["after"].splitlines() == result["made"]
    assert admin(shell, ROLES.format("two")) == ""
    assert made(site_run.run("datastore", variables=variables("two")))[:3] == result["made"][:3]
    assert made(site_run.run("datastore", variables=variables("two"))) == []
    require_usable(shell, "two")


def test_a_new_password_is_set(shell: Callable[..., str]) -> None:
    assert made(site_run.run("datastore", variables=variables("two", "planted-other-11"))) == ["role two"]
    assert made(site_run.run("datastore", variables=variables("two"))) == ["role two"]
    assert log_in(shell, "two", "two", "SELECT id FROM first") == "7"


def test_an_administrator_over_the_network_needs_no_superuser(shell: Callable[..., str]) -> None:
    """db2 stands for a machine from which the administrator reaches a managed database."""
    admin(shell, ADMIN)
    login = {
        "spire_datastore_host": "db2", "spire_datastore_login_password": "planted-admin-77d0", "spire_datastore_login": {
            "login_host": "db1", "login_user": "admin", "ssl_mode": "verify-full", "ca_cert": "/etc/postgresql/ca.pem",
        },
    }
    given = variables("three", **login)
    assert made(site_run.run("datastore", "--check", variables=given))[:2] == ["role three", "membership of admin in three"]
    assert made(site_run.run("datastore", variables=given))[:3] == ["role three", "membership of admin in three", "database three, owned by three"]
    assert made(site_run.run("datastore", variables=given)) == []
    require_usable(shell, "three")
    assert made(site_run.run("datastore", variables={**given, **variables("three", "planted-other-12")})) == ["role three"]
    assert made(site_run.run("datastore", variables=given)) == ["role three"]
    wrong = site_run.run("datastore", variables={**given, "spire_datastore_login_password": "planted-admin-bad"})
    assert "server1: PostgreSQL of three: the login of the administrator failed: " in wrong.failed["server1"]


def test_without_the_collection_the_statements_are_printed_and_work(shell: Callable[..., str]) -> None:
    admin(shell, "DROP DATABASE two; DROP DATABASE IF EXISTS three; DROP ROLE two; DROP ROLE IF EXISTS three; DROP ROLE reader")
    run = site_run.run("datastore", variables=variables("two"), **NO_COLLECTIONS)
    assert run.rc == 0 and "The collection community.postgresql is not installed on the controller." in run.stdout
    statements = run.stdout[run.stdout.index('CREATE ROLE "two"'):].partition("ok: [server1")[0]
    assert 'CREATE ROLE "two" LOGIN PASSWORD <password of two>;' in statements
    with pytest.raises(AssertionError, match="syntax error"):
        admin(shell, statements)
    for user in ("two", "reader"):
        statements = statements.replace(f"<password of {user}>", "'" + PASSWORDS[user].replace("'", "''") + "'")
    admin(shell, statements)
    require_usable(shell, "two")
    assert made(site_run.run("datastore", variables=variables("two"))) == []


def test_without_an_administrator_the_statements_are_printed() -> None:
    run = site_run.run("datastore", variables=variables("two", spire_datastore_host=""), ANSIBLE_STDOUT_CALLBACK="default")
    assert run.rc == 0 and "Neither spire_datastore_host nor spire_datastore_login is set." in run.stdout
