# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The check of a database connects as SPIRE's drivers do with the planned strings, environment and files."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.plan.datastore import Database, databases, sentence
from tests.unit.builders.fleets import planned, server_tree

PASSWORD = "planted-secret-77aa"
POSTGRES = f"host=db1 dbname=spire user=spire password={PASSWORD}"
MYSQL = f"spire:{PASSWORD}@tcp(db1:3306)/spire?parseTime=true"


def found(text: str, kind: Any = "postgres", variables: dict[str, Any] | None = None, **options: Any) -> list[Database]:
    sql = {"database_type": kind, "connection_string": text, **options}
    return list(databases(planned("server", {**server_tree(plugins={"DataStore": {"sql": {"plugin_data": sql}}}), **(variables or {})})))


def connection(text: str, *more: Any, **options: Any) -> dict[str, Any]:
    (one,) = found(text, *more, **options)
    assert not one.unchecked
    return dict(one.connection)


@pytest.mark.parametrize("kind", ["sqlite3", {"aws_postgres": {"region": "eu-west-1"}}, {"aws_mysql": {"region": "eu-west-1"}}])
def test_other_databases_are_not_checked(kind: Any) -> None:
    assert found(POSTGRES, kind) == []


def test_a_postgres_string_is_read() -> None:
    made = connection(POSTGRES + " search_path=own options='-c a=b' application_name=x connect_timeout=3 sslmode=disable")
    assert made == {
        "type": "postgres", "addresses": [{"name": "db1", "host": "db1", "port": 5432}], "user": "spire", "password": PASSWORD, "database": "spire",
        "settings": {"search_path": "own", "options": "-c a=b"}, "modes": ["disable"], "ca": "", "certificate": "", "key": "", "direct": False,
        "system_user": "", "cleartext": True, "timeout": 3.0, "read_only": False, "schema": 25, "release": "1.15.3", "disable_migration": False,
    }


def test_what_a_postgres_string_leaves_out() -> None:
    environment = {"PGPASSWORD": "from the environment", "PGHOST": "db7", "PGSSLROOTCERT": "/ca.pem"}
    made = connection("connect_timeout=0", "postgres", {"spire_server_environment": environment})
    assert (made["addresses"], made["user"], made["database"]) == ([{"name": "db7", "host": "db7", "port": 5432}], "spire-server", "spire-server")
    assert (made["password"], made["modes"], made["ca"], made["timeout"]) == ("from the environment", ["require"], "/ca.pem", 10.0)


def test_several_hosts_of_postgres_are_tried_in_turn() -> None:
    made = connection("host=db1,db2 port=5432,5433 dbname=spire user=spire")
    assert made["addresses"] == [{"name": "db1", "host": "db1", "port": 5432}, {"name": "db2", "host": "db2", "port": 5433}]
    made = connection("host=db.acme.com hostaddr=10.0.0.5 dbname=spire user=spire")
    assert made["addresses"] == [{"name": "db.acme.com", "host": "10.0.0.5", "port": 5432}]


@pytest.mark.parametrize(("text", "modes"), [
    ("", ["require"]), ("sslmode=allow", ["disable", "require"]), ("sslmode=prefer", ["prefer", "disable"]), ("sslmode=verify-full", ["verify-full"]),
])
def test_the_modes_of_postgres(text: str, modes: list[str]) -> None:
    assert connection(f"{POSTGRES} {text}")["modes"] == modes


def test_certificates_in_the_string_are_given_to_the_module() -> None:
    (one,) = found(f"{POSTGRES} sslmode=verify-full sslinline=true sslrootcert='the CA'")
    assert one.contents == {one.connection["ca"]: "the CA"} and one.connection["certificate"] == ""
    assert connection(f"{POSTGRES} sslmode=verify-full sslrootcert=system")["ca"] == ""


def test_files_that_the_run_delivers_are_given_to_the_module() -> None:
    delivered = {"spire_server_files": {"/ca.pem": {"content": "the CA"}, "/other": {"content": "x"}}}
    (one,) = found(f"{POSTGRES} sslmode=verify-full sslrootcert=/ca.pem", "postgres", delivered)
    assert one.contents == {"/ca.pem": "the CA"}


@pytest.mark.parametrize(("text", "options", "modes"), [
    (MYSQL, {}, ["disable"]),
    (MYSQL + "&tls=true", {}, ["verify-full"]),
    (MYSQL + "&tls=skip-verify", {}, ["require"]),
    (MYSQL + "&tls=preferred", {}, ["prefer"]),
    (MYSQL + "&tls=true&allowFallbackToPlaintext=true", {}, ["verify-full", "disable"]),
    (MYSQL + "&tls=skip-verify", {"root_ca_path": "/ca.pem"}, ["verify-full"]),
    (MYSQL, {"client_cert_path": "/c.pem", "client_key_path": "/c.key"}, ["verify-full"]),
    (MYSQL, {"client_cert_path": "/c.pem"}, ["disable"]),
])
def test_the_modes_of_mysql(text: str, options: dict[str, str], modes: list[str]) -> None:
    made = connection(text, "mysql", **options)
    assert made["modes"] == modes
    assert made["certificate"] == (options.get("client_cert_path", "") if "client_key_path" in options else "")


def test_a_mysql_string_is_read() -> None:
    made = connection(f"spire:{PASSWORD}@tcp([::1]:3307)/spire?parseTime=true&timeout=1500ms&allowCleartextPasswords=true", "mysql", disable_migration=True)
    assert made == {
        "type": "mysql", "addresses": [{"name": "::1", "host": "::1", "port": 3307}], "user": "spire", "password": PASSWORD, "database": "spire",
        "settings": {}, "modes": ["disable"], "ca": "", "certificate": "", "key": "", "direct": False, "cleartext": True, "timeout": 1.5,
        "system_user": "", "read_only": False, "schema": 25, "release": "1.15.3", "disable_migration": True,
    }


@pytest.mark.parametrize(("text", "kind", "path"), [
    ("host=/run/postgresql dbname=spire user=spire sslmode=verify-full", "postgres", "/run/postgresql/.s.PGSQL.5432"),
    ("host=@db port=5433 dbname=spire user=spire", "postgres", "@db/.s.PGSQL.5433"),
    ("spire@unix(/run/mysqld/mysqld.sock)/spire?parseTime=true", "mysql", "/run/mysqld/mysqld.sock"),
])
def test_a_unix_socket_is_used_by_the_user_of_the_service(text: str, kind: str, path: str) -> None:
    made = connection(text, kind)
    assert ([one["host"] for one in made["addresses"]], made["system_user"], made["modes"]) == ([path], "spire-server", ["disable"])


def test_the_replica_is_only_read() -> None:
    first, second = found(POSTGRES, ro_connection_string="host=db2 dbname=spire user=reader")
    assert (first.option, first.connection["read_only"]) == ("connection_string", False)
    assert (second.option, second.connection["read_only"], second.connection["user"]) == ("ro_connection_string", True, "reader")


@pytest.mark.parametrize(("release", "schema"), [("1.14.7", 24), ("1.14.2", 23), ("1.0.4", 17), ("0.12.3", 0), ("1.99.0", 0)])
def test_the_schema_of_a_release(release: str, schema: int) -> None:
    assert connection(POSTGRES, "postgres", {"spire_version": release})["schema"] == schema


@pytest.mark.parametrize(("text", "kind", "reason"), [
    ("host=/tmp dbname=spire", "postgres", "the service has directories /tmp and /var/tmp of its own, so it can't see a Unix socket there"),
    ("host=/run/postgresql,db1 dbname=spire", "postgres", "one of several hosts is a Unix socket"),
    ("service=spire", "postgres", "the connection string leaves a part of it to another file"),
    ("host=db1 passfile=/etc/pass", "postgres", "the connection string leaves a part of it to another file"),
    (f"host=db1 password={PASSWORD} x", "postgres", "the driver can't read the connection string"),
    ("spire@cloudsql(project:instance)/spire?parseTime=true", "mysql", "the connection is over the Cloud SQL proxy"),
    ("spire@unix(/run/mysqld.sock)/spire?parseTime=true&tls=true", "mysql", "the connection has TLS over a Unix socket"),
])
def test_what_can_not_be_checked_is_said(text: str, kind: str, reason: str) -> None:
    (one,) = found(text, kind)
    assert (one.unchecked, one.connection) == (reason, {})


@pytest.mark.parametrize(("text", "said"), [
    (POSTGRES, "s1: plugins.DataStore.sql.plugin_data.connection_string (spire on db1:5432): It is old."),
    (f"host=db1 dbname='sp ire{PASSWORD}'", "s1: plugins.DataStore.sql.plugin_data.connection_string: It is old."),
])
def test_a_message_names_only_what_is_no_secret(text: str, said: str) -> None:
    (one,) = found(text)
    assert sentence("s1", one, "It is old.") == said
    assert PASSWORD not in repr(one)
