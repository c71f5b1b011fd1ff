# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connection strings are read, and only their public parts are shown. The examples of rules are in rules/fleet/cases/datastores.yml."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.formats import connection_strings
from ansible_collections.spire.fleet.plugins.plugin_utils.rules import run as rules_run
from tests.unit.builders.fleets import fleet


@pytest.mark.parametrize(("kind", "text", "expected"), [
    ("postgres", "dbname=spire host=db.acme.com port=6432 user=me password=hidden", ("spire", "db.acme.com", "6432", "me")),
    ("postgres", "  dbname = 'my db' user='o\\'neil'host=db  ", ("my db", "db", "5432", "o'neil")),
    ("postgres", "dbname=spire password=a\\ host=x host=", ("spire", "localhost", "5432", "")),
    ("postgres", "host=/var/run/postgresql dbname=spire", ("spire", "/var/run/postgresql", "5432", "")),
    ("postgres", "postgres://m%40e:hid%2Fden@db:6432/spire?sslmode=require", ("spire", "db", "6432", "m@e")),
    ("postgres", "postgresql://db1,db2/spire", ("spire", "db1,db2", "5432", "")),
    ("postgres", "host=db1,db2 port=5432,5433 database=spire", ("spire", "db1,db2", "5432,5433", "")),
    ("postgres", "postgres:///spire?host=/run/pg&port=1", ("spire", "/run/pg", "1", "")),
    ("postgres", "postgres://[fd00::1]:5433/spire", ("spire", "fd00::1", "5433", "")),
    ("postgres", "", ("", "localhost", "5432", "")),
    ("mysql", "me:hi/d@den@tcp(db:3307)/spire?parseTime=true", ("spire", "db", "3307", "me")),
    ("mysql", "me@tcp([fd00::1]:3307)/spire", ("spire", "[fd00::1]", "3307", "me")),
    ("mysql", "me@tcp(fd00::1)/spire", ("spire", "fd00::1", "3306", "me")),
    ("mysql", "me@unix(/run/my.sock)/spire", ("spire", "/run/my.sock", "", "me")),
    ("mysql", "/spire", ("spire", "127.0.0.1", "3306", "")),
])
def test_what_a_string_says(kind: str, text: str, expected: tuple[str, ...]) -> None:
    found = connection_strings.read(kind, text)
    assert found and (found.database, found.host, found.port, found.user) == expected
    assert "user" not in repr(found) and "hid" not in repr(found)


@pytest.mark.parametrize(("kind", "text"), [
    ("postgres", "password=hid den host=db"),
    ("postgres", "password='hidden host=db"),
    ("postgres", "password=hidden\\"),
    ("postgres", "postgres://me:hid#den@db/spire"),
    ("postgres", "postgres://me:12/hidden@db/spire"),
    ("postgres", "postgres://me:12?hidden@db/spire"),
    ("postgres", "postgres://me:hidden/spire"),
    ("postgres", "postgres://[db/spire"),
    ("postgres", "postgres://[fd00::1]/spire"),
    ("postgres", "postgres://db1:5432,db2:5433/spire"),
    ("postgres", "dbname=spire password= host=db"),
    ("postgres", "jdbc:postgresql://db/spire?user=me"),
    ("mysql", "me:hid/den@tcp(db)"),
    ("mysql", "hidden"),
    ("mysql", "me:hidden@db/spire"),
    ("mysql", "me@tcp(db)/spire?loc=Europe/Paris"),
    ("mysql", "mysql://me:hidden@tcp(db)/spire"),
    ("mysql", "me:hidden@udp(db)/spire"),
    ("mysql", "me:hidden@tcp(db:x)/spire"),
    ("sqlite3", "/var/lib/spire/db"),
])
def test_what_a_driver_would_refuse_says_nothing(kind: str, text: str) -> None:
    assert connection_strings.read(kind, text) is None


def test_the_environment_says_what_a_postgresql_string_leaves_out() -> None:
    found = connection_strings.read("postgres", "port=1", {"PGHOST": "db", "PGPORT": "2", "PGDATABASE": "spire", "PGUSER": "me"})
    assert found and (found.database, found.host, found.port, found.user) == ("spire", "db", "1", "me")


@pytest.mark.parametrize(("host", "local"), [
    ("localhost", True), ("LOCALHOST", True), ("127.0.0.1", True), ("127.1.2.3", True), ("::1", True), ("[::1]", True), ("/run/pg", True),
    ("@abstract", True), ("localhost,::1", True), ("localhost,db", False), ("db", False), ("localhost.acme.com", False), ("10.127.0.1", False), ("", False),
])
def test_which_hosts_are_the_machine_itself(host: str, local: bool) -> None:
    assert connection_strings.Connection("spire", host, "").local is local


@pytest.mark.parametrize(("kind", "text", "environment", "expected"), [
    ("postgres", "dbname=spire", {}, (True, False, False)),
    ("postgres", "host='' sslmode=disable", {}, (True, True, True)),
    ("postgres", "dbname=spire", {"PGHOST": "db", "PGSSLMODE": "disable"}, (False, True, True)),
    ("postgres", "host=db sslmode=require", {"PGSSLMODE": "disable"}, (False, False, False)),
    ("postgres", "hostaddr=10.0.0.1 sslmode=prefer", {}, (False, True, False)),
    ("mysql", "me@/spire", {}, (True, True, True)),
    ("mysql", "me@tcp(db)/spire?tls=TRUE", {}, (False, False, False)),
    ("mysql", "me@tcp(db)/spire?tls=Preferred", {}, (False, True, False)),
    ("mysql", "me@tcp(db)/spire?tls=true&allowFallbackToPlaintext=true", {}, (False, True, False)),
    ("mysql", "me@cloudsql(project:region:instance)/spire", {}, (False, False, False)),
])
def test_whether_the_host_is_named_and_the_connection_is_in_clear(kind: str, text: str, environment: dict[str, str], expected: tuple[bool, bool, bool]) -> None:
    found = connection_strings.read(kind, text, environment)
    assert found and (found.default_host, found.clear, found.never_encrypted) == expected


def datastore(kind: Any, text: str) -> dict[str, Any]:
    return {"spire_server_config": {"plugins": {"DataStore": {"sql": {"plugin_data": {"database_type": kind, "connection_string": text}}}}}}


def codes(first: dict[str, Any], second: dict[str, Any], **more: Any) -> list[str]:
    made = fleet(servers=("s1", "s2"), agents=(), s1={**first, **more}, s2={**second, **more})
    return [problem.rule for problem in rules_run.of_fleet(made) if problem.path.endswith(("connection_string", "database_type"))]


@pytest.mark.parametrize(("first", "second", "expected"), [
    ("host=db dbname=spire user=a password=x1", "postgres://b:y2@db:5432/spire", []),
    ("host=DB dbname=spire", "host=db dbname=spire", []),
    ("host=db dbname=a", "host=other dbname=b", ["database_name"]),
    ("host=db dbname=a", "postgres://db/b", ["database_name"]),
    ("host=db user=a", "host=db dbname=b", ["database_name"]),  # without a name, the database has the name of the user, which is not shown
    ("host=db dbname=b", "host=db user=a", ["database_name"]),
    ("host=db user=a", "postgres://b@db", ["database_name"]),
    ("host=db user=a", "host=db dbname=a user=b", []),
    ("host=db", "host=db dbname=a", []),  # the user is that of the process, which is not known here
    ("host=db dbname=a", "host=db port=6432 dbname=a", ["datastore_address"]),
    ("host=db dbname=a", "host=localhost dbname=a", ["datastore_address"]),
    ("host=127.0.0.1 dbname=a", "host=localhost dbname=a", ["datastore_address", "datastore_address"]),
    ("dbname=a", "dbname=a", ["datastore_host", "datastore_address"] * 2),
    ("host=db dbname='a b'", "host=db dbname='c d'", []),  # the names have characters that are not shown
])
def test_two_servers_and_postgresql(first: str, second: str, expected: list[str]) -> None:
    assert codes(datastore("postgres", first), datastore("postgres", second)) == expected


def test_servers_of_one_machine_may_share_its_database() -> None:
    local = datastore("postgres", "host=localhost dbname=a")
    assert codes(local, local, ansible_host="10.0.0.1") == []


def test_a_pooler_on_each_machine_can_be_allowed() -> None:
    local = datastore("postgres", "host=localhost dbname=a")
    assert codes(local, local, spire_allow=["datastore_address"]) == []


def test_the_name_of_the_user_is_not_shown() -> None:
    strings = {"s1": datastore("postgres", "host=db dbname=spire"), "s2": datastore("postgres", "host=db user=hidden")}
    (found,) = [problem for problem in rules_run.of_fleet(fleet(servers=tuple(strings), agents=(), **strings)) if problem.rule == "database_name"]
    assert found.message.startswith("The string of s2 names no database, so PostgreSQL takes the one that has the name of the user, and s1 and s2,")
    assert "hidden" not in found.message


def test_the_environment_of_the_service_counts() -> None:
    first, second = ({**datastore("postgres", "dbname=a"), "spire_server_environment": {"PGHOST": host}} for host in ("db", "DB"))
    assert codes(first, second) == []
