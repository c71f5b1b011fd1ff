# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook datastore says what it can't do itself. The scenarios postgres and mysql let it do the rest on real databases."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from tests.support.playbook_run import ansible

PASSWORD = "planted-secret-3f0a"
POSTGRES = f"host=127.0.0.1 port=1 dbname=spire user=spire password={PASSWORD} sslmode=require"


def server(database_type: str, connection_string: str, **more: Any) -> dict[str, Any]:
    sql = {"database_type": database_type, "connection_string": connection_string, "root_ca_path": "/ca.pem"} | more
    return {"spire_server_config": {"plugins": {"DataStore": {"sql": {"plugin_data": sql}}}}}


def run(directory: Path, *more: str, collections: bool = True, **variables: Any) -> tuple[int, str]:
    """Runs the playbook over two servers on PostgreSQL, one on MySQL and one on SQLite; returns the exit code and the output with single blanks."""
    inventory = {"all": {"vars": {"spire_strict": False, **variables}, "children": {"spire_servers": {"children": {
        "first": {
            "hosts": {"s1": {}, "s2": {}}, "vars": {"spire_server_group": "first", "spire_trust_domain": "a.acme.com", **server("postgres", POSTGRES)},
        },
        "second": {"hosts": {"m1": {}}, "vars": {
            "spire_server_group": "second", "spire_trust_domain": "b.acme.com", **server("mysql", f"spire:{PASSWORD}@tcp(127.0.0.1:1)/spire?parseTime=true"),
        }},
        "third": {"hosts": {"l1": {}}, "vars": {"spire_server_group": "third", "spire_trust_domain": "c.acme.com"}},
    }}}}}
    (directory / "inventory.yml").write_text(yaml.safe_dump(inventory))
    done = ansible(
        directory, "-vvv", "-i", "inventory.yml", "spire.fleet.datastore", *more, COLUMNS="1000",
        ANSIBLE_COLLECTIONS_SCAN_SYS_PATH=str(collections).lower(),
    )
    assert PASSWORD not in done.stdout + done.stderr
    return done.returncode, re.sub(r"\s+", " ", done.stdout + done.stderr)


def test_without_an_administrator_each_database_is_printed_once(tmp_path: Path) -> None:
    code, text = run(tmp_path)
    assert code == 0
    assert text.count("Neither spire_datastore_host nor spire_datastore_login is set. Run this as the administrator of PostgreSQL, with each password in") == 1
    assert text.count(" Run this as the administrator of MySQL, with each password in quotes: CREATE DATABASE IF NOT EXISTS `spire`; CREATE USER ") == 1
    assert "The database is that of another server of this run." in text
    assert "The server has no database of PostgreSQL or MySQL that could be set up." in text


def test_without_the_collections_the_statements_are_printed(tmp_path: Path) -> None:
    code, text = run(tmp_path, "--check", collections=False, spire_datastore_login={"login_user": "postgres"})
    assert code == 0
    for name in ("community.postgresql", "community.mysql"):
        assert f"The collection {name} is not installed on the controller. Run this as the administrator of" in text


def test_what_can_not_work_is_refused(tmp_path: Path) -> None:
    code, text = run(tmp_path, spire_datastore_host="db9")
    assert code != 0 and "s1: spire_datastore_host is db9, which is no host of the inventory. Correct it." in text
    code, text = run(tmp_path, spire_datastore_login={"login_user": "admin", "login_password": PASSWORD})
    assert code != 0 and "s1: spire_datastore_login has login_password. Put the password into spire_datastore_login_password, which no output shows." in text
