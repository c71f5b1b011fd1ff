# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server keeps its data in MariaDB over verified TLS, and a database that it could not use is named before it is touched."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import faults, site_run
from tests.support.database_faults import CHECK, require_named, require_refused, warned

GIVEN = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])
PASSWORD = "planted pass'word-7b1e"
PATHS = {
    "root_ca_path": "/etc/spire/files/database-ca.pem", "client_cert_path": "/etc/spire/files/client.pem",
    "client_key_path": "/etc/spire/files/client.key",
}
#: the certificates of the CAs and of the client that a server gets, as files on the controller
FILES = dict(zip(PATHS, ("ca.pem", "client.pem", "client.key")))
PLACE = "(spire on db1:3306)"


GOOD = f"spire:{PASSWORD}@tcp(db1:3306)/spire?parseTime=true"
POOR = "poor:planted-password-41aa@tcp(db1:3306)/bare?parseTime=true"
#: a user who may only read, and a database that has no tables
MADE = """
CREATE DATABASE bare;
CREATE USER poor IDENTIFIED BY 'planted-password-41aa';
GRANT SELECT ON bare.* TO poor;
"""


def connection(text: str = GOOD, reading: str = "", **files: str) -> dict[str, Any]:
    """Returns the variables of a server with these connection strings and files; a file or a second string "" is left out."""
    used = {option: name for option, name in (FILES | files).items() if name}
    sql = {"database_type": "mysql", "connection_string": text, "disable_migration": True, **{option: PATHS[option] for option in used}}
    sql |= {"ro_connection_string": reading} if reading else {}
    return {
        "spire_server_files": {PATHS[option]: {"src": str(GIVEN / name)} for option, name in used.items()},
        "spire_server_config": {"server": {"log_level": "DEBUG"}, "plugins": {"DataStore": {"sql": {"plugin_data": sql}}}},
        "spire_new_authority": True,
    }


FAULTS = {
    "wrong password": (
        connection("spire:planted-0bad@tcp(db1:3306)/spire?parseTime=true"), f"{PLACE}: The database refuses the user: the password is wrong, "
    ),
    "missing database": (
        connection(f"spire:{PASSWORD}@tcp(db1:3306)/nowhere?parseTime=true"),
        "(nowhere on db1:3306): The user has no rights on the database, or there is none of that name.",
    ),
    "nobody listens": (
        connection(f"spire:{PASSWORD}@tcp(db1:3307)/spire?parseTime=true"), "(spire on db1:3307): Nobody listens at db1:3307: the connection was refused."
    ),
    "unknown host": (
        connection(f"spire:{PASSWORD}@tcp(db9.invalid:3306)/spire?parseTime=true"),
        "(spire on db9.invalid:3306): The name db9.invalid is not found on this host:",
    ),
    "no right to create tables": (connection(POOR), (
        "(bare on db1:3306): The user may not create tables, which SPIRE does at its first start. Grant it (GRANT ALL PRIVILEGES ON ... TO ...)."
    )),
    "a replica": (connection(GOOD.replace("db1", "db2")), (
        "(spire on db2:3306): The database takes no changes: it is a replica, or its transactions are read-only. Name the primary; a replica is for "
        "ro_connection_string."
    )),
    "another CA": (connection(root_ca_path="other.pem"), f"{PLACE}: The certificate of the database is not trusted: "),
    "no client certificate": (
        connection(client_cert_path="", client_key_path=""),
        f"{PLACE}: The database refuses the user: the password is wrong, there is no such user who may connect from this host, or the account asks for "
        "a client certificate (REQUIRE X509).",
    ),
    "no TLS": (
        connection(root_ca_path="", client_cert_path="", client_key_path=""),
        f"{PLACE}: The database refuses the user: the password is wrong, there is no such user who may connect from this host, or the account asks for "
        "TLS (REQUIRE SSL).",
    ),
}


def test_the_data_is_in_mariadb(shell: Callable[..., str]) -> None:
    assert shell("db1", "mariadb --skip-column-names spire --execute 'SELECT code_version FROM migrations'") == os.environ["SPIRE_TEST_VERSION"]
    assert faults.own_id(shell, "agent1") in shell("db1", "mariadb --skip-column-names spire --execute 'SELECT spiffe_id FROM attested_node_entries'")
    site_run.run("verify").require()


@pytest.fixture(scope="module", autouse=True)
def made(shell: Callable[..., str]) -> None:
    shell("db1", "mariadb", MADE)


def test_entries_are_read_from_the_replica(shell: Callable[..., str]) -> None:
    question = "mariadb --skip-column-names --execute \"SELECT COUNT(*) > 0 FROM information_schema.processlist WHERE user = 'spire'\""
    assert (shell("db1", question), shell("db2", question)) == ("1", "1")
    assert faults.own_id(shell, "agent1") in shell("db2", "mariadb --skip-column-names spire --execute 'SELECT spiffe_id FROM attested_node_entries'")


@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_fault_is_named(fault: str) -> None:
    require_named(*FAULTS[fault])


@pytest.mark.parametrize("options", [(), ("--check",)], ids=["run", "check mode"])
def test_site_names_a_fault_and_the_server_goes_on(options: tuple[str, ...], shell: Callable[..., str]) -> None:
    require_refused(shell, *FAULTS["wrong password"], *options)


def test_the_replica_is_compared_with_the_primary() -> None:
    assert warned(connection(reading=GOOD.replace("db1", "db2"))) == []
    (warning,) = warned(connection(reading=GOOD))
    assert warning.startswith(f"{PLACE}: It takes changes, so it is no replica, or one that was promoted. ")
    require_named(
        connection(reading=POOR), "(bare on db1:3306): It has none of SPIRE's tables, and the database of connection_string has them.",
        option="ro_connection_string",
    )


def test_a_replica_that_lags_is_a_warning(shell: Callable[..., str]) -> None:
    shell("db2", "mariadb", "STOP SLAVE SQL_THREAD;")
    try:
        shell("db1", "mariadb bare", "CREATE TABLE written (id int); DROP TABLE written;")
        (warning,) = warned(connection(reading=GOOD.replace("db1", "db2")))
    finally:
        shell("db2", "mariadb", "START SLAVE SQL_THREAD;")
    assert warning.startswith("(spire on db2:3306): The replica lags: 5 seconds after the beginning of the check it has not replayed ")


def test_rights_that_were_taken_away_are_named(shell: Callable[..., str]) -> None:
    shell("db1", "mariadb", "REVOKE INSERT ON spire.* FROM spire;")
    try:
        require_named(connection(), f"{PLACE}: The table migrations exists and the user may not read or change it")
    finally:
        shell("db1", "mariadb", "GRANT ALL PRIVILEGES ON spire.* TO spire;")


def test_the_schema_of_a_newer_spire_is_named(shell: Callable[..., str]) -> None:
    known = shell("db1", "mariadb --skip-column-names spire --execute 'SELECT version FROM migrations'")
    shell("db1", "mariadb spire", "UPDATE migrations SET version = 99, code_version = '1.99.0';")
    try:
        require_named(connection(), f"{PLACE}: Its tables were made by SPIRE 1.99.0 (version 99 of the schema), and SPIRE ")
    finally:
        shell("db1", "mariadb spire", f"UPDATE migrations SET version = {known}, code_version = '{os.environ['SPIRE_TEST_VERSION']}';")


def test_an_old_schema_is_named_where_it_may_not_be_brought_up_to_date(shell: Callable[..., str]) -> None:
    known = shell("db1", "mariadb --skip-column-names spire --execute 'SELECT version FROM migrations'")
    shell("db1", "mariadb spire", "UPDATE migrations SET version = 21, code_version = '1.6.0';")
    try:
        require_named(connection(), f"{PLACE}: Its tables were made by SPIRE 1.6.0 (version 21 of the schema), and SPIRE ")
    finally:
        shell("db1", "mariadb spire", f"UPDATE migrations SET version = {known}, code_version = '{os.environ['SPIRE_TEST_VERSION']}';")


@pytest.fixture
def expired(shell: Callable[..., str]) -> Iterator[None]:
    """Gives the database a certificate that has expired."""
    shell("db1", "sed -i s/database.pem/expired.pem/ /etc/mysql/mariadb.conf.d/99-tls.cnf && systemctl restart mariadb")
    yield
    shell("db1", "sed -i s/expired.pem/database.pem/ /etc/mysql/mariadb.conf.d/99-tls.cnf && systemctl restart mariadb")


def test_an_expired_certificate_is_named(expired: None) -> None:
    require_named(connection(), f"{PLACE}: The certificate of the database, or of its CA, has expired.")


def test_a_converged_server_is_not_checked_and_a_changed_one_is() -> None:
    site = site_run.run("site").require()
    assert site.named(CHECK) == [] and site.changed == {}
    assert [task.host for task in site_run.run("site", variables=connection()).require().named(CHECK)] == ["server1"]
    assert site_run.run("site", variables=connection()).require().changed == {}
