# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""MySQL's strings are read as go-sql-driver/mysql reads them: what the rows say was printed by its versions 1.4.1 to 1.10.0."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies

from ansible_collections.spire.fleet.plugins.plugin_utils.formats import mysql_strings


@pytest.mark.parametrize(("text", "reason"), [
    ("me:hidden@db.acme.com:3306/spire", "no address in parentheses"),
    ("me:hidden@udp(db)/spire", "no address in parentheses"),
    ("me:hidden@tcp4/spire", "no address in parentheses"),
    ("me:hidden@ tcp(db)/spire", "no address in parentheses"),
    ("mysql://me:hidden@tcp(db)/spire", "It is a URL"),
    ("me:hidden@tcp(db)", "no slash before the name of the database"),
    ("host=db password=hidden", "It is a string of PostgreSQL"),
    ("postgres://me:hidden@db/spire", "It is a string of PostgreSQL"),
    ("me:hidden@tcp(db/spire", "The driver can't read it"),
    ("me:hidden@tcp(db)/spire?loc=Europe/Paris", "The driver can't read it"),
    ("me:hidden@tcp(db:x)/spire", "not a host with or without a port"),
    ("me:hidden@tcp( db)/spire", "not a host with or without a port"),
    ("me:hidden@tcp(db)/a%zz", "percent sign"),
])
def test_what_the_driver_refuses_or_misreads(text: str, reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        mysql_strings.parse(text)
    assert reason in str(caught.value) and "hid" not in str(caught.value)


@pytest.mark.parametrize(("text", "expected"), [
    ("me:p/w@x(y@tcp(db)/spire?parseTime=true", ("me", "p/w@x(y", ("db", "3306"), "spire")),
    ("me:p:w@(db:3307)/spire", ("me", "p:w", ("db", "3307"), "spire")),
    ("me@tcp(fd00::1)/spire", ("me", "", ("fd00::1", "3306"), "spire")),
    ("me@tcp([fd00::1]:3307)/spire", ("me", "", ("[fd00::1]", "3307"), "spire")),
    ("me@unix(/run/my.sock)/spire", ("me", "", ("/run/my.sock", ""), "spire")),
    ("me@unix/spire", ("me", "", ("/tmp/mysql.sock", ""), "spire")),
    ("me@cloudsql(project:region:instance)/spire", ("me", "", ("project:region:instance", ""), "spire")),
    ("me@tcp()/a%2Fb", ("me", "", ("127.0.0.1", "3306"), "a/b")),
    ("", ("", "", ("127.0.0.1", "3306"), "")),
])
def test_what_the_driver_reads(text: str, expected: tuple[Any, ...]) -> None:
    found = mysql_strings.parse(text)
    assert (found.user, found.password, found.place, found.database) == expected


def test_the_last_of_two_values_counts() -> None:
    found = mysql_strings.parse("me@tcp(db)/spire?parseTime=true&parseTime=false&x")
    assert found.parameters == {"parseTime": "false"} and not found.true("parseTime")


@pytest.mark.parametrize(("parameters", "reason"), [
    ("tls=required", "The driver does not know the value of tls; it knows true, false, skip-verify and preferred."),
    ("tls=TRUE", ""),
    ("tls=Skip-Verify", ""),
    ("parseTime=yes", "The value of parseTime is neither true nor false."),
    ("parseTime=true?tls=true", "The value of parseTime is neither true nor false."),
    ("parsetime=true", "Perhaps parseTime is meant"),
    ("useSSL=false", "Perhaps tls is meant"),
    ("autoReconnect=true", "Remove it."),
    ("wait_timeout=600&net_read_timeout=30&net_write_timeout=10&lock_wait_timeout=5&Autocommit=1", ""),
    ("parse_time=true", "Perhaps parseTime is meant"),
    ("ssl_mode=REQUIRED", "Perhaps tls is meant"),
    ("timeout=5", "not a duration with a unit"),
    ("timeout=5s&loc=Europe%2FParis&charset=utf8mb4,utf8&maxAllowedPacket=0&sql_mode=ANSI&autocommit=1", ""),
    ("maxAllowedPacket=4M", "not a number of bytes"),
    ("strict=true", "SPIRE does not start with the parameter strict"),
    ("serverPubKey=x", "SPIRE does not start with the parameter serverPubKey"),
    ("sql_mode=%zz", "percent sign"),
])
def test_what_the_driver_or_the_database_refuses(parameters: str, reason: str) -> None:
    found = list(mysql_strings.mistakes(mysql_strings.parse(f"me@tcp(db)/spire?{parameters}")))
    assert len(found) == bool(reason) and reason in "".join(found)


@pytest.mark.parametrize(("text", "reason"), [
    ("me@tcp([fd00::1])/spire", "IPv6 address in brackets only with a port"),
    ("me@tcp(db)/?parseTime=true&tls=true", "It names no database"),
    ("me@tcp(db:99999)/spire", "greater than 65535"),
    ("me@tcp(db)/spire&parseTime=true", "has an &"),
])
def test_what_is_wrong_with_an_address_or_a_name(text: str, reason: str) -> None:
    (found,) = mysql_strings.mistakes(mysql_strings.parse(text))
    assert reason in found


def test_older_drivers_do_not_know_preferred() -> None:
    found = mysql_strings.parse("me@tcp(db)/spire?tls=preferred")
    assert list(mysql_strings.mistakes(found)) == [] and len(list(mysql_strings.mistakes(found, preferred=False))) == 1


@given(password=strategies.text(), database=strategies.text(), zone=strategies.text())
def test_the_driver_reads_what_we_write(password: str, database: str, zone: str) -> None:
    parts = {"host": "db.acme.com", "user": "me", "password": password, "database": "d" + database.replace("&", ""), "parameters": {"loc": zone, "tls": True}}
    found = mysql_strings.parse(mysql_strings.build(parts))
    assert (found.user, found.password, found.place) == ("me", password, ("db.acme.com", "3306"))
    assert found.database == parts["database"] and found.true("parseTime") and found.true("tls")


@pytest.mark.parametrize(("parts", "expected"), [
    ({"host": "db", "port": 3307, "user": "me", "database": "spire"}, "me@tcp(db:3307)/spire?parseTime=true"),
    ({"host": "fd00::1", "database": "spire"}, "@tcp([fd00::1]:3306)/spire?parseTime=true"),
    ({"host": "[fd00::1]", "database": "spire"}, "@tcp([fd00::1]:3306)/spire?parseTime=true"),
    ({"socket": "/run/my.sock", "user": "me", "database": "a/b"}, "me@unix(/run/my.sock)/a%2Fb?parseTime=true"),
    ({"host": "db", "database": "x", "parameters": {"loc": "Europe/Paris", "charset": "utf8mb4,utf8"}},
     "@tcp(db:3306)/x?parseTime=true&loc=Europe%2FParis&charset=utf8mb4,utf8"),
])
def test_what_is_written(parts: dict[str, Any], expected: str) -> None:
    assert mysql_strings.build(parts) == expected


@pytest.mark.parametrize(("parts", "reason"), [
    ({"database": "spire"}, "Exactly one of the parts host and socket"),
    ({"host": "db", "socket": "/x"}, "Exactly one of the parts host and socket"),
    ({"host": "db", "dbname": "spire"}, "There is no part of these names: dbname."),
    ({"host": "db", "user": "a:b"}, "The part user has a colon"),
    ({"host": "db)", "user": "a"}, "The"),
    ({"host": "db", "parameters": "x"}, "The part parameters is not a mapping."),
    ({"host": "db", "user": "me"}, "It names no database"),
    ({"host": "db", "database": "spire", "parameters": {"charset": "a&tls=true"}}, "A part has a character"),
    ({"host": "db", "database": "spire", "parameters": {"tls": "yes"}}, "The driver does not know the value of tls"),
])
def test_what_can_not_be_written(parts: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        mysql_strings.build(parts)
    assert reason in str(caught.value)
