# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A database that SPIRE could not use is named before the running server is touched."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.formats import postgres_strings
from tests.support import site_run
from tests.support.database_faults import CHECK, check, require_named, require_refused, warned

GIVEN = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])
PSQL = "runuser -u postgres -- psql --quiet --no-align --tuples-only --set=ON_ERROR_STOP=1"
PASSWORD, POOR = 'planted pass\'word "6d0c" \\', {"user": "poor", "password": "planted-password-90aa"}
PATHS = {"sslrootcert": "/etc/spire/files/database-ca.pem", "sslcert": "/etc/spire/files/client.pem", "sslkey": "/etc/spire/files/client.key"}
#: the certificates of the CA and of the client that a server gets, as files on the controller
FILES = dict(zip(PATHS, ("ca.pem", "client.pem", "client.key")))
GOOD = {"host": "db1", "dbname": "spire", "user": "spire", "password": PASSWORD, "sslmode": "verify-full"}
RELEASE = os.environ["SPIRE_TEST_VERSION"]
#: users without the right to create tables, and databases that have no tables
MADE = """
CREATE ROLE poor LOGIN PASSWORD 'planted-password-90aa';
CREATE DATABASE bare;
CREATE DATABASE own OWNER poor;
"""


def string(**given: str) -> str:
    used = {**GOOD, **{name: path for name, path in PATHS.items() if given.get(name) != ""}, **given}
    return postgres_strings.build({name: value for name, value in used.items() if value and name not in PATHS} | {
        name: PATHS[name] for name in PATHS if given.get(name) != ""
    })


def variables(reading: dict[str, str] | None = None, **given: str) -> dict[str, Any]:
    """Returns the variables of a server whose connection string differs from the right one in these parameters.

    ``reading`` has those in which ro_connection_string differs; there is none without it. A file "" is left out.
    """
    sql = {"database_type": "postgres", "connection_string": string(**given), "disable_migration": True}
    if reading is not None:
        sql["ro_connection_string"] = string(**reading)
    return {
        "spire_server_files": {PATHS[name]: {"src": str(GIVEN / (given.get(name) or default))} for name, default in FILES.items()},
        "spire_server_config": {"server": {"log_level": "DEBUG"}, "plugins": {"DataStore": {"sql": {"plugin_data": sql}}}},
        "spire_new_authority": True,
    }


#: what differs from the right connection, and what the message says
FAULTS: dict[str, tuple[dict[str, str], str]] = {
    "wrong password": ({"password": "planted-password-0bad"}, (
        "(spire on db1:5432): The database refuses the password of the user, or has no such user with a password. Correct the password here, or set it "
        "there (ALTER ROLE)."
    )),
    "missing database": ({"dbname": "nowhere"}, "(nowhere on db1:5432): pg_hba.conf of the database has no line that lets this user connect"),
    "missing database of a user that may connect": (
        {"dbname": "nowhere", **POOR}, "(nowhere on db1:5432): There is no database of that name. Create it (CREATE DATABASE), or correct dbname."
    ),
    "no right to create tables": ({"dbname": "bare", **POOR}, (
        "(bare on db1:5432): The user may not create tables, which SPIRE does at its first start. Make it the owner of the database (ALTER DATABASE ... "
        "OWNER TO ...), or grant it (GRANT USAGE, CREATE ON SCHEMA public TO ...). From PostgreSQL 15 on nobody but the owner has that right from the "
        "beginning."
    )),
    "tables of another user": (POOR, (
        "(spire on db1:5432): The table migrations exists and the user may not read or change it, so the tables belong to somebody else. Give them to the "
        "user of SPIRE."
    )),
    "nobody listens": ({"port": "5433"}, "(spire on db1:5433): Nobody listens at db1:5433: the connection was refused."),
    "unknown host": ({"host": "db9.invalid"}, "(spire on db9.invalid:5432): The name db9.invalid is not found on this host:"),
    "another CA": ({"sslrootcert": "other.pem"}, "(spire on db1:5432): The certificate of the database is not trusted: "),
    "no client certificate": ({"sslcert": "", "sslkey": ""}, (
        "(spire on db1:5432): The database does not let the user log in in this way: the role has no LOGIN, or pg_hba.conf asks for something else than a "
        "password, such as a client certificate."
    )),
    "a replica": ({"host": "db2"}, (
        "(spire on db2:5432): The database takes no changes: it is a replica, or its transactions are read-only. Name the primary; a replica is for "
        "ro_connection_string."
    )),
}


def admin(shell: Callable[..., str], host: str, text: str, database: str = "postgres") -> str:
    return shell(host, f"{PSQL} {database}", text)


@pytest.fixture(scope="module", autouse=True)
def made(shell: Callable[..., str]) -> Iterator[None]:
    """Makes users and databases. At the end, the fleet is as it was."""
    admin(shell, "db1", MADE)
    yield
    assert site_run.run("site").require().changed == {}


@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_fault_is_named(fault: str) -> None:
    given, message = FAULTS[fault]
    require_named(variables(**given), message)


@pytest.mark.parametrize("options", [(), ("--check",)], ids=["run", "check mode"])
def test_site_names_a_fault_and_the_server_goes_on(options: tuple[str, ...], shell: Callable[..., str]) -> None:
    given, message = FAULTS["wrong password"]
    require_refused(shell, variables(**given), message, *options)


@contextmanager
def schema(shell: Callable[..., str], version: int, release: str) -> Iterator[None]:
    """Makes the tables seem to be of another SPIRE."""
    known = admin(shell, "db1", "SELECT version FROM migrations", "spire")
    admin(shell, "db1", f"UPDATE migrations SET version = {version}, code_version = '{release}'", "spire")
    try:
        yield
    finally:
        admin(shell, "db1", f"UPDATE migrations SET version = {known}, code_version = '{RELEASE}'", "spire")


def test_the_schema_of_a_newer_spire_is_named(shell: Callable[..., str]) -> None:
    with schema(shell, 99, "1.99.0"):
        require_named(variables(), f"(spire on db1:5432): Its tables were made by SPIRE 1.99.0 (version 99 of the schema), and SPIRE {RELEASE} knows ")


def test_an_old_schema_is_named_where_it_may_not_be_brought_up_to_date(shell: Callable[..., str]) -> None:
    with schema(shell, 21, "1.6.0"):
        require_named(variables(), f"(spire on db1:5432): Its tables were made by SPIRE 1.6.0 (version 21 of the schema), and SPIRE {RELEASE} knows ")


def test_an_expired_certificate_is_named(shell: Callable[..., str]) -> None:
    change = "sed -i s/{}.pem/{}.pem/ /etc/postgresql/15/main/conf.d/tls.conf && systemctl reload postgresql && sleep 1"
    shell("db1", change.format("database", "expired"))
    try:
        require_named(variables(), (
            "(spire on db1:5432): The certificate of the database, or of its CA, has expired. Renew it, and compare the clocks of both hosts."
        ))
    finally:
        shell("db1", change.format("expired", "database"))


def test_a_replica_that_follows_is_no_warning() -> None:
    assert warned(variables({"host": "db2"})) == []


def test_the_primary_in_place_of_the_replica_is_a_warning() -> None:
    (warning,) = warned(variables({}))
    assert warning.startswith("(spire on db1:5432): It takes changes, so it is no replica, or one that was promoted. ")


@pytest.mark.parametrize("reading", [{"host": "db2", "dbname": "own", **POOR}, {"dbname": "own", **POOR}], ids=["on the replica", "on the primary"])
def test_a_replica_of_another_database_is_named(reading: dict[str, str]) -> None:
    wrong = {
        "db2": "It is no copy of the database of connection_string: its data began elsewhere. SPIRE would give agents the entries of another database.",
        "db1": "It has none of SPIRE's tables, and the database of connection_string has them. SPIRE does not start without them.",
    }[reading.get("host", "db1")]
    require_named(variables(reading), f"(own on {reading.get('host', 'db1')}:5432): {wrong}", option="ro_connection_string")


def test_data_of_another_beginning_is_named(shell: Callable[..., str]) -> None:
    """The database is a copy of the tables that a SPIRE of another fleet could have made."""
    shell("db1", "runuser -u postgres -- pg_dump --no-owner spire | runuser -u postgres -- psql --quiet own")
    admin(shell, "db1", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO poor", "own")
    reading = {"dbname": "own", **POOR}
    (warning,) = warned(variables(reading))
    assert "It takes changes" in warning
    admin(shell, "db1", "UPDATE bundles SET created_at = created_at - interval '1 day'", "own")
    require_named(
        variables(reading), "(own on db1:5432): It is no copy of the database of connection_string: its data began elsewhere.",
        option="ro_connection_string",
    )


def test_a_user_of_the_replica_who_may_not_read_is_named() -> None:
    require_named(
        variables({"host": "db2", **POOR}), "(spire on db2:5432): The user may not read SPIRE's tables. Grant it on the primary (GRANT SELECT ...)",
        option="ro_connection_string",
    )


def test_a_replica_that_lags_is_a_warning(shell: Callable[..., str]) -> None:
    admin(shell, "db2", "SELECT pg_wal_replay_pause()")
    try:
        admin(shell, "db1", "CREATE TABLE written (); DROP TABLE written")
        (warning,) = warned(variables({"host": "db2"}))
    finally:
        admin(shell, "db2", "SELECT pg_wal_replay_resume()")
    assert warning.startswith((
        "(spire on db2:5432): The replica lags: 5 seconds after the beginning of the check it has not replayed what the database of connection_string had "
        "then (it is "
    ))
    assert " bytes behind, and the last transaction that it has replayed is " in warning


@pytest.fixture
def local_user(shell: Callable[..., str]) -> Iterator[None]:
    """Gives db1 the system user of the service, and a role and a database for it."""
    admin(shell, "db1", 'CREATE ROLE "spire-server" LOGIN')
    admin(shell, "db1", 'CREATE DATABASE local OWNER "spire-server"')
    shell("db1", "useradd --system spire-server")
    yield
    shell("db1", "userdel spire-server")


SOCKET = {"host": "/run/postgresql", "dbname": "local", "user": "spire-server", "sslcert": "", "sslkey": "", "password": ""}


def on_db1(**given: str) -> site_run.Run:
    """Runs the check on the host of the database, where its Unix socket is."""
    return check({**variables(**{**SOCKET, **given}), "checked_on": "db1"})


def test_a_unix_socket_is_not_checked_before_the_user_of_the_service_is_there() -> None:
    (checked,) = on_db1().require().of("server1", CHECK)
    assert checked["warnings"] == [(
        "server1: plugins.DataStore.sql.plugin_data.connection_string (local on /run/postgresql:5432): It was not checked, because the connection is over "
        "a Unix socket, and the system user spire-server, whom the database may look at, is not there yet."
    )]


def test_the_user_of_the_service_connects_over_a_unix_socket(local_user: None) -> None:
    (checked,) = on_db1().require().of("server1", CHECK)
    assert "warnings" not in checked and checked["databases"] == [{"kind": "", "wrong": "", "note": ""}]
    assert (
        "(local on /run/postgresql:5432): pg_hba.conf of the database asks for peer authentication, and lets the system user spire-server not log in as "
        "this user."
    ) in on_db1(user="poor").failed["server1"]
    assert "(spire on /run/postgresql:5433): Nobody listens at /run/postgresql/.s.PGSQL.5433: " in on_db1(port="5433", dbname="spire").failed["server1"]
