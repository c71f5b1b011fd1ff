# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The connection strings say which accounts, database and rights there must be. The scenarios postgres and mysql run the statements."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.plan.datastore_setup import Setup, SetupError, setup, statements
from tests.support.errors import error_of
from tests.unit.builders.fleets import planned, server_tree

PASSWORD = "planted-secret-91bc"
POSTGRES = f"host=db1 dbname=spire user=spire password={PASSWORD} sslmode=require"
MYSQL = f"spire:{PASSWORD}@tcp(db1:3306)/spire?parseTime=true"
CERTIFICATE = {"root_ca_path": "/ca.pem", "client_cert_path": "/c.pem", "client_key_path": "/c.key"}


def made(kind: Any, text: str, **options: Any) -> Setup | None:
    sql = {"database_type": kind, "connection_string": text, **options}
    return setup(planned("server", server_tree(plugins={"DataStore": {"sql": {"plugin_data": sql}}})))


def printed(kind: str, text: str, **options: Any) -> list[str]:
    found = made(kind, text, **options)
    assert found
    assert PASSWORD not in repr(found) + statements(found)
    return statements(found).splitlines()


@pytest.mark.parametrize("kind", ["sqlite3", {"aws_postgres": {"region": "eu-west-1"}}])
def test_other_databases_are_not_set_up(kind: Any) -> None:
    assert made(kind, POSTGRES) is None


def test_a_database_of_postgres() -> None:
    assert printed("postgres", POSTGRES, ro_connection_string=POSTGRES.replace("db1", "db2")) == [
        'CREATE ROLE "spire" LOGIN PASSWORD <password of spire>;',
        '-- An administrator who is no superuser, as in a managed database, must be a member of the role: GRANT "spire" TO CURRENT_USER;',
        'CREATE DATABASE "spire" OWNER "spire";',
    ]


def test_a_user_who_only_reads() -> None:
    assert printed("postgres", POSTGRES, ro_connection_string=POSTGRES.replace("user=spire", "user=r\"1"))[1:2] + printed(
        "postgres", POSTGRES, ro_connection_string=POSTGRES.replace("user=spire", "user=reader")
    )[4:] == [
        'CREATE ROLE "r""1" LOGIN PASSWORD <password of r"1>;', '\\connect "spire"',
        'ALTER DEFAULT PRIVILEGES FOR ROLE "spire" IN SCHEMA public GRANT SELECT ON TABLES TO "reader";',
        'GRANT SELECT ON ALL TABLES IN SCHEMA public TO "reader";',
    ]
    assert printed("mysql", MYSQL, ro_connection_string=MYSQL.replace("spire:", "reader:"))[3:] == [
        "CREATE USER IF NOT EXISTS 'reader'@'%' IDENTIFIED BY <password of reader>;", "GRANT SELECT ON `spire`.* TO 'reader'@'%';",
    ]


def test_a_role_without_a_password() -> None:
    assert printed("postgres", "host=/run/postgresql dbname=spire user=spire-server")[0] == 'CREATE ROLE "spire-server" LOGIN;'


@pytest.mark.parametrize(("text", "options", "account"), [
    (MYSQL, {}, "'spire'@'%' IDENTIFIED BY <password of spire>"),
    (MYSQL + "&tls=true", {}, "'spire'@'%' IDENTIFIED BY <password of spire> REQUIRE SSL"),
    (MYSQL + "&tls=preferred", {}, "'spire'@'%' IDENTIFIED BY <password of spire>"),
    (MYSQL, CERTIFICATE, "'spire'@'%' IDENTIFIED BY <password of spire> REQUIRE X509"),
    ("sp'ire@tcp(db1:3306)/spire?parseTime=true", CERTIFICATE, "'sp''ire'@'%' REQUIRE X509"),
    (f"spire:{PASSWORD}@unix(/run/mysqld/mysqld.sock)/spire?parseTime=true", {}, "'spire'@'localhost' IDENTIFIED BY <password of spire>"),
])
def test_a_database_of_mysql(text: str, options: dict[str, str], account: str) -> None:
    assert printed("mysql", text, **options) == [
        "CREATE DATABASE IF NOT EXISTS `spire`;", f"CREATE USER IF NOT EXISTS {account};",
        f"GRANT ALL PRIVILEGES ON `spire`.* TO {account.split(' ')[0]};",
    ]


@pytest.mark.parametrize(("kind", "text", "message"), [
    ("mysql", "spire@tcp(db1:3306)/spire?parseTime=true", "The user spire has neither a password nor a client certificate, so anybody could log in as this"),
    ("postgres", "service=spire", "This database can't be set up here, because the connection string leaves a part of it to another file."),
])
def test_what_the_strings_do_not_say(kind: str, text: str, message: str) -> None:
    assert message in error_of(SetupError, made, kind, text)
