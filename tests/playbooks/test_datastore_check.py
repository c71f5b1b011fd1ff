# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible runs the check of a server's database at -vvv: the password reaches the database, and no output and no file."""

from __future__ import annotations

import socket
import struct
import sys
from pathlib import Path
from typing import Any

from tests.support.playbook_run import play
from tests.unit.builders.database_servers import PASSWORD, database, exactly

SQL = "plugins.DataStore.sql.plugin_data"


def inventory(**sql: str) -> dict[str, Any]:
    """Returns an inventory of the server a1 on this machine, with this plugin_data of its DataStore."""
    return {
        "all": {"vars": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "spire_trust_domain": "prod.acme.com"}},
        "spire_servers": {"hosts": {"a1": {"spire_server_config": {"plugins": {"DataStore": {"sql": {"plugin_data": sql}}}}}}},
    }


def test_a_refused_password_is_named_and_shown_nowhere(tmp_path: Path) -> None:
    got: list[bytes] = []

    def answer(connection: socket.socket) -> None:
        exactly(connection, struct.unpack("!i", exactly(connection, 4))[0] - 4)
        connection.sendall(b"R" + struct.pack("!ii", 8, 3))
        got.append(exactly(connection, struct.unpack("!xi", exactly(connection, 5))[0] - 4))
        body = b"C28P01\0Mpassword authentication failed\0\0"
        connection.sendall(b"E" + struct.pack("!i", len(body) + 4) + body)

    with database(answer) as port:
        text = f"host=127.0.0.1 port={port} dbname=spire user=spire password={PASSWORD} sslmode=disable"
        done = play(tmp_path, inventory(database_type="postgres", connection_string=text, ro_connection_string=text), {
            "checked": {"spire.fleet.datastore_info": {}}, "check_mode": {"spire.fleet.datastore_info": {}, "check_mode": True},
        })
    assert got == [PASSWORD.encode() + b"\0"] * 4
    for name in ("checked", "check_mode"):
        for option in ("connection_string", "ro_connection_string"):
            assert f"a1: {SQL}.{option} (spire on 127.0.0.1:{port}): The database refuses the password of the user" in done.results[name]["msg"]
    assert "modules/datastore_info.py" in done.text
    assert PASSWORD not in done.text + str(done.results)
    (tmp_path / "inventory.yml").unlink()
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()]


def test_what_is_not_checked_is_a_warning(tmp_path: Path) -> None:
    done = play(tmp_path, inventory(database_type="mysql", connection_string="spire@cloudsql(project:instance)/spire?parseTime=true"), {
        "socket": {"spire.fleet.datastore_info": {}},
    })
    assert done.results["socket"]["databases"] == []
    (warning,) = done.results["socket"]["warnings"]
    assert warning == (
        f"a1: {SQL}.connection_string (spire on project:instance): It was not checked, because the connection is over the Cloud SQL proxy."
    )


def test_sqlite_needs_no_check(tmp_path: Path) -> None:
    done = play(tmp_path, inventory(database_type="sqlite3", connection_string="/var/lib/spire/x.sqlite3"), {
        "sqlite": {"spire.fleet.datastore_info": {}},
    })
    assert done.results["sqlite"]["databases"] == [] and "warnings" not in done.results["sqlite"]
    assert "modules/datastore_info.py" not in done.text
