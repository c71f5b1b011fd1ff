# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook datastore makes what a connection string of MariaDB names, or prints the statements; prepare.yml used it for the server's own one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support import site_run

TASK = "Make the role, the database and its rights"
PASSWORDS = {"two": "planted pass'word \\ 2c2c", "reader": "planted-reader-8d"}
NO_COLLECTIONS = {"ANSIBLE_COLLECTIONS_SCAN_SYS_PATH": "false", "ANSIBLE_STDOUT_CALLBACK": "default"}
GRANTS = "SELECT user, host, ssl_type FROM mysql.user WHERE user IN ('two', 'reader') ORDER BY user DESC; SHOW GRANTS FOR two; SHOW GRANTS FOR reader;"


def variables(password: str = PASSWORDS["two"]) -> dict[str, Any]:
    """Returns the variables of a server with another database and user, and with a user who only reads."""
    sql = {
        "database_type": "mysql", "connection_string": f"two:{password}@tcp(db1:3306)/two?parseTime=true&tls=true",
        "ro_connection_string": f"reader:{PASSWORDS['reader']}@tcp(db2:3306)/two?parseTime=true&tls=true",
    }
    return {"spire_server_config": {"plugins": {"DataStore": {"sql": {"plugin_data": sql}}}}, "spire_server_files": {}}


def made(run: site_run.Run) -> list[str]:
    (result,) = run.require().of("server1", TASK)
    return list(result["made"])


def admin(shell: Callable[..., str], text: str) -> str:
    return shell("db1", "mariadb --skip-column-names", text)


def log_in(shell: Callable[..., str], user: str, statement: str) -> str:
    """Runs a statement as a user who logs in over the network; the password is in no argument."""
    command = f"read -r MYSQL_PWD; export MYSQL_PWD; mariadb --host=db1 --user={user} --ssl --skip-column-names two --execute '{statement}'"
    return shell("db1", command, PASSWORDS[user] + "\n")


def require_usable(shell: Callable[..., str]) -> None:
    """Checks that the owner can make tables, and that the user for reading can read them, and not more; both with TLS alone."""
    log_in(shell, "two", "CREATE TABLE first (id int); INSERT INTO first VALUES (7)")
    assert log_in(shell, "reader", "SELECT id FROM first") == "7"
    with pytest.raises(AssertionError, match="command denied"):
        log_in(shell, "reader", "DELETE FROM first")
    found = admin(shell, GRANTS)
    assert found.startswith("two\t%\tANY\nreader\t%\tANY\n")
    assert "GRANT ALL PRIVILEGES ON `two`.* TO `two`@`%`" in found and "GRANT SELECT ON `two`.* TO `reader`@`%`" in found


def test_the_servers_own_database_needs_nothing() -> None:
    run = site_run.run("datastore")
    assert made(run) == [] and run.changed == {}
    assert made(site_run.run("datastore", "--check")) == []


def test_check_mode_says_what_a_run_makes(shell: Callable[..., str]) -> None:
    wanted = ["database two", "user two with rights on two", "user reader with rights on two"]
    assert made(site_run.run("datastore", "--check", variables=variables())) == wanted
    assert admin(shell, "SELECT user FROM mysql.user WHERE user IN ('two', 'reader'); SHOW DATABASES LIKE 'two'") == ""
    assert made(site_run.run("datastore", variables=variables())) == wanted
    assert made(site_run.run("datastore", variables=variables())) == []
    require_usable(shell)
    assert made(site_run.run("datastore", variables=variables("planted-other-33"))) == ["user two with rights on two"]


def test_without_the_collection_the_statements_are_printed_and_work(shell: Callable[..., str]) -> None:
    admin(shell, "DROP DATABASE two; DROP USER two; DROP USER reader;")
    run = site_run.run("datastore", variables=variables(), **NO_COLLECTIONS)
    assert run.rc == 0 and "The collection community.mysql is not installed on the controller." in run.stdout
    statements = run.stdout[run.stdout.index("CREATE DATABASE IF NOT EXISTS `two`;"):].partition("ok: [server1")[0]
    with pytest.raises(AssertionError, match="error in your SQL syntax"):
        admin(shell, statements)
    for user, password in PASSWORDS.items():
        quoted = password.replace("\\", "\\\\").replace("'", "''")
        statements = statements.replace(f"<password of {user}>", f"'{quoted}'")
    admin(shell, statements)
    require_usable(shell)
    assert made(site_run.run("datastore", variables=variables())) == []
