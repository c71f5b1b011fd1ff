# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PostgreSQL's strings are read as lib/pq reads them: what the rows say was printed by its versions 1.10.9, 1.11.2 and 1.12.3."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies

from ansible_collections.spire.fleet.plugins.plugin_utils.formats import postgres_strings
from ansible_collections.spire.fleet.plugins.plugin_utils.formats.postgres_strings import V1_10, V1_11, V1_12


@pytest.mark.parametrize(("text", "reason"), [
    ("dbname=spire password= host=db", "There is nothing after password=, so the driver takes the next parameter, host, as its value"),
    ("hidden= host=db", "There is nothing after a parameter="),
    ("host=db password=hid den dbname=spire", 'There is a word without "=" after the value of password'),
    ("hidden", 'There is a word without "=" in it'),
    ("password='hidden dbname=spire", "The single quote that begins the value of password is never closed"),
    ("hidden='x", "The single quote that begins the value of a parameter is never closed"),
    ("password=hidden\\", "It ends with a backslash"),
    ("jdbc:postgresql://db/spire?user=hidden", "It is a URL, and the driver knows only those"),
    ("me:hidden@tcp(db:3306)/spire?parseTime=true", "It is a string of MySQL"),
    ("me:hidden@unix(/run/my.sock)/spire", "It is a string of MySQL"),
    ("mysql://me:hidden@db/spire", "It is a string of MySQL"),
    ("POSTGRES://db/spire", "It is a URL, and the driver knows only those"),
    ("postgres://me:hid#den@db/spire", "percent-encoded"),
    ("postgres://me:12/hidden@db/spire", "percent-encoded"),
    ("postgres://me:12?hidden@db/spire", "percent-encoded"),
    ("postgres://me:hid den@db/spire", "percent-encoded"),
    ("postgres://me:hid%zz@db/spire", "percent-encoded"),
    ("postgres://me:hidden/spire", "percent-encoded"),
    ("postgres://db/spire password='hidden'", "percent-encoded"),
    ("postgres://db1:1,db2:2/spire", "several hosts with ports only as parameters"),
    ("postgres://[fd00::1]/spire", "an IPv6 address in a URL only with a port"),
])
def test_what_the_driver_refuses_or_misreads(text: str, reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        postgres_strings.parse(text)
    assert reason in str(caught.value) and "hid" not in str(caught.value)


@pytest.mark.parametrize(("text", "expected"), [
    ("host = db sslmode\t=\ndisable", {"host": "db", "sslmode": "disable"}),
    ("user='o\\'neil'host=db", {"user": "o'neil", "host": "db"}),
    ("password='' host=db", {"password": "", "host": "db"}),
    ("password=a@tcp(b)/c host=db", {"password": "a@tcp(b)/c", "host": "db"}),
    ("password='host=x' host=db", {"password": "host=x", "host": "db"}),
    ("password= a=b host=db", {"password": "a=b", "host": "db"}),
    ("password=a\\ b host=", {"password": "a b", "host": ""}),
    ("host=a host=b  ", {"host": "b"}),
    ("postgres://me:p@w@db/spire?sslmode=disable&host=x", {"user": "me", "password": "p@w", "host": "x", "dbname": "spire", "sslmode": "disable"}),
    ("postgresql:///spire?host=/run/pg&port=1", {"dbname": "spire", "host": "/run/pg", "port": "1"}),
    ("postgres://db1,db2/spire?sslmode=disable&sslmode=require", {"host": "db1,db2", "dbname": "spire", "sslmode": "disable"}),
])
def test_what_the_driver_reads(text: str, expected: dict[str, str]) -> None:
    assert postgres_strings.parse(text) == expected


@pytest.mark.parametrize(("text", "drivers"), [
    ("sslmode=required", (V1_10, V1_11, V1_12)),
    ("sslmode=prefer", (V1_10, V1_11)),
    ("sslmode=''", (V1_11, V1_12)),
    ("sslmode=verify-ca", ()),
    ("sslmode=require sslrootcert=system", (V1_12,)),
    ("sslmode=verify-ca sslrootcert=system", (V1_10, V1_11, V1_12)),
    ("sslmode=verify-full sslrootcert=system", (V1_10, V1_11)),
    ("sslrootcert=system", ()),
    ("sslmode=disable sslnegotiation=direct", (V1_10, V1_12)),
    ("sslmode=require sslnegotiation=direct", (V1_10,)),
    ("port=99999", (V1_10, V1_11, V1_12)),
    ("port=''", (V1_10, V1_11, V1_12)),
    ("host=a,b", (V1_10,)),
    ("host=a,b port=1,2", (V1_10,)),
    ("host=a,b port=1,2,3", (V1_10, V1_11, V1_12)),
    ("host=[fd00::1]", (V1_10, V1_11, V1_12)),
    ("host=fd00::1", ()),
    ("host=db;user=me", (V1_10, V1_11, V1_12)),
    ("host=db, user=me", (V1_10, V1_11, V1_12)),
    ("host=''", ()),
    ("connect_timeout=5s", (V1_10, V1_11, V1_12)),
    ("connect_timeout=5", ()),
    ("client_encoding=LATIN1", (V1_10, V1_11, V1_12)),
    ("client_encoding='UTF-8' datestyle='ISO, MDY'", ()),
    ("datestyle=ISO", (V1_10, V1_11, V1_12)),
    ("hostaddr=10.0.0.1", (V1_10,)),
    ("passfile=/x", (V1_10,)),
    ("target_session_attrs=read-write", (V1_10,)),
    ("target_session_attrs=write", (V1_10, V1_11, V1_12)),
    ("service=x", (V1_10, V1_11)),
    ("channel_binding=require", (V1_10, V1_11, V1_12)),
    *((f"{name}=1", (V1_10, V1_11, V1_12)) for name in ("pool_max_conns", "pool_min_conns", "default_query_exec_mode", "connection_limit")),
    ("binary_parameters=maybe", (V1_10, V1_11, V1_12)),
    ("pasword=x", (V1_10, V1_11, V1_12)),
    ("Host=x", (V1_10, V1_11, V1_12)),
    ("ssl_mode=disable", (V1_10, V1_11, V1_12)),
    ("=x", (V1_10, V1_11, V1_12)),
    ("cd=x", (V1_10, V1_11, V1_12)),
    ("DateStyle=ISO CLIENT_ENCODING=UTF8 Application_Name=spire JIT=off Search_Path=spire", ()),
    ("search_path=spire statement_timeout=5000 TimeZone=UTC application_name=spire my.setting=1 database=spire", ()),
])
def test_what_each_version_of_the_driver_or_the_database_refuses(text: str, drivers: tuple[Any, ...]) -> None:
    found = postgres_strings.parse(text)
    assert tuple(driver for driver in (V1_10, V1_11, V1_12) if list(postgres_strings.mistakes(found, driver))) == drivers


def test_a_misspelt_parameter_is_not_shown() -> None:
    assert list(postgres_strings.mistakes({"pasword": "x"}, V1_12)) == [
        "It has a parameter that neither the driver nor PostgreSQL knows, so the database refuses the connection. Perhaps password is meant."
    ]
    assert "cd" not in "".join(postgres_strings.mistakes({"cd": "x"}, V1_12))


@pytest.mark.parametrize(("name", "hint"), [
    ("ssl", "Perhaps sslmode is meant."),
    ("useSSL", "Perhaps sslmode is meant."),
    ("schema", "Perhaps search_path is meant."),
    ("currentSchema", "Perhaps search_path is meant."),
    ("connectTimeout", "Perhaps connect_timeout is meant."),
    ("pgbouncer", "Remove it, unless it is a part of a value. Write a value that has a blank in single quotes"),
])
def test_what_may_be_meant_by_a_name(name: str, hint: str) -> None:
    (found,) = postgres_strings.mistakes({name: "true"}, V1_12)
    assert f"the database refuses the connection. {hint}" in found


@given(password=strategies.text(), user=strategies.text(min_size=1))
def test_the_driver_reads_what_we_write(password: str, user: str) -> None:
    parts = {"host": "db.acme.com", "port": 5432, "password": password, "user": user, "sslsni": True}
    assert postgres_strings.parse(postgres_strings.build(parts)) == {**parts, "port": "5432", "sslsni": "true"}


@pytest.mark.parametrize(("parts", "reason"), [
    ({"host": None}, "The value of host is neither a text nor a number nor a boolean."),
    ({"host": "db", "sslmode": "required"}, "The driver does not know the value of sslmode"),
    ({"host": "db", "username": "x"}, "Perhaps user is meant."),
])
def test_what_can_not_be_written(parts: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        postgres_strings.build(parts)
    assert reason in str(caught.value)
