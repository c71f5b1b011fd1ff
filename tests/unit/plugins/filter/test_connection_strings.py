# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filters return a string, and their errors are Ansible's and contain no value."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.spire.fleet.plugins.filter import mysql_connection_string, postgres_connection_string

POSTGRES: Callable[..., str] = postgres_connection_string.FilterModule().filters()["postgres_connection_string"]
MYSQL: Callable[..., str] = mysql_connection_string.FilterModule().filters()["mysql_connection_string"]


def test_the_filters_write_strings() -> None:
    assert POSTGRES({"host": "db", "password": "a b"}) == "host=db password='a b'"
    assert MYSQL({"host": "db", "user": "u", "password": "a b", "database": "spire"}) == "u:a b@tcp(db:3306)/spire?parseTime=true"


def test_errors_name_the_filter_and_contain_no_value() -> None:
    with pytest.raises(AnsibleFilterError, match=r"postgres_connection_string: The driver does not know the value of sslmode") as caught:
        POSTGRES({"host": "db", "sslmode": "hidden-1"})
    assert "hidden-1" not in str(caught.value)
    with pytest.raises(AnsibleFilterError, match=r"mysql_connection_string: Exactly one of the parts host and socket must be set\."):
        MYSQL({"password": "hidden-1"})
    with pytest.raises(AnsibleFilterError, match=r"mysql_connection_string: The input must be a mapping, but it is a string\."):
        MYSQL("hidden-1")
