# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A database that SPIRE could not use is named before the running server is touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.support import site_run
from tests.support.database_faults import CHECK, require_refused

GOOD = {"host": "db1", "dbname": "spire", "user": "spire", "password": "planted-password-51c7", "sslmode": "disable"}
BARE = """
CREATE ROLE poor LOGIN PASSWORD 'planted-password-90aa';
CREATE DATABASE bare;
"""
#: what differs from the right connection, and what the message says
FAULTS = {
    "wrong password": ({"password": "planted-password-0bad"}, "(spire on db1:5432): The database refuses the password of the user"),
    "missing database": ({"dbname": "nowhere"}, "(nowhere on db1:5432): pg_hba.conf of the database has no line that lets this user connect"),
    "missing database of a user that may connect": (
        {"dbname": "nowhere", "user": "poor", "password": "planted-password-90aa"}, "(nowhere on db1:5432): There is no database of that name."
    ),
    "no right to create tables": (
        {"dbname": "bare", "user": "poor", "password": "planted-password-90aa"},
        "(bare on db1:5432): The user may not create tables, which SPIRE does at its first start.",
    ),
    "tables of another user": (
        {"user": "poor", "password": "planted-password-90aa"},
        "(spire on db1:5432): The table migrations exists and the user may not read or change it",
    ),
    "nobody listens": ({"port": "5433"}, "(spire on db1:5433): Nobody listens at db1:5433: the connection was refused."),
    "unknown host": ({"host": "db9.invalid"}, "(spire on db9.invalid:5432): The name db9.invalid is not found on this host:"),
    "unknown CA": (
        {"sslmode": "verify-full", "sslrootcert": "/etc/ssl/certs/ca-certificates.crt"},
        "(spire on db1:5432): The certificate of the database is not trusted: self-signed certificate.",
    ),
}


@pytest.fixture(scope="module", autouse=True)
def poor(shell: Callable[..., str]) -> Iterator[None]:
    """Adds a database, and a user without the right to create tables, who may connect to every database."""
    shell("db1", "runuser -u postgres -- psql --quiet --set=ON_ERROR_STOP=1", BARE)
    shell("db1", "echo 'host all poor all scram-sha-256' | tee -a /etc/postgresql/*/main/pg_hba.conf && systemctl reload postgresql")
    yield
    assert site_run.run("site").require().changed == {}


@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_fault_is_named_and_the_server_goes_on(fault: str, shell: Callable[..., str]) -> None:
    given, message = FAULTS[fault]
    text = " ".join(f"{name}={value}" for name, value in (GOOD | given).items())
    sql = {"plugin_data": {"database_type": "postgres", "connection_string": text}}
    variables = {"spire_server_config": {"plugins": {"DataStore": {"sql": sql}}}, "spire_new_authority": True}
    require_refused(shell, variables, message)


def test_a_converged_server_is_not_checked() -> None:
    assert site_run.run("site").require().named(CHECK) == []
