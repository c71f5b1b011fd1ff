# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs of site with a database that SPIRE could not use, or that a person should know something about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support import site_run

CHECK = "Check the server's database"
#: prints what a refused run must leave as it is: the process and the files of the server
STATE = "systemctl show --property=MainPID,NRestarts spire-server@main.service; find /etc/spire -type f -exec sha256sum {} + | sort"
ONLY_SERVER = ("--limit", "server1", "--tags", "servers")
OPTION = "server1: plugins.DataStore.sql.plugin_data."


def require_refused(
    shell: Callable[..., str], variables: dict[str, Any], message: str, *options: str, option: str = "connection_string"
) -> None:
    """Runs site for server1 with these variables, and checks that it names what is wrong and leaves the server as it is."""
    before = shell("server1", STATE)
    run = site_run.run("site", *ONLY_SERVER, *options, variables=variables)
    assert run.rc != 0
    assert f"{OPTION}{option} {message}" in run.failed["server1"]
    assert [task.host for task in run.named(CHECK)] == ["server1"]
    # With --diff, the drift check counts as a change.
    assert run.changed in ({}, {"server1": [site_run.DRIFT["server"]]})
    assert not run.acted("server1")
    assert shell("server1", STATE) == before


def warned(variables: dict[str, Any], option: str = "ro_connection_string") -> list[str]:
    """Runs site for server1 with these variables in check mode, and returns the warnings of the database check about an option."""
    run = site_run.run("site", *ONLY_SERVER, "--check", variables=variables).require()
    (check,) = run.of("server1", CHECK)
    return [text.removeprefix(f"{OPTION}{option} ") for text in check.get("warnings", []) if text.startswith(f"{OPTION}{option} ")]
