# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs of site with a database that SPIRE could not use, or that a person should know something about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support import site_run
from tests.support.collection import REPO

CHECK = "Check the server's database"
#: prints what a refused run must leave as it is: the process and the files of the server
STATE = "systemctl show --property=MainPID,NRestarts spire-server@main.service; find /etc/spire -type f -exec sha256sum {} + | sort"
ALONE = str(REPO / "molecule" / "shared" / "database_check.yml")
OPTION = "server1: plugins.DataStore.sql.plugin_data."


def require_refused(
    shell: Callable[..., str], variables: dict[str, Any], message: str, *options: str, option: str = "connection_string"
) -> None:
    """Runs site for server1 with these variables, and checks that it names what is wrong and leaves the server as it is."""
    before = shell("server1", STATE)
    run = site_run.run("site", "--limit", "server1", "--tags", "servers", *options, variables=variables)
    assert run.rc != 0
    assert f"{OPTION}{option} {message}" in run.failed["server1"]
    assert [task.host for task in run.named(CHECK)] == ["server1"]
    # With --diff, the drift check counts as a change.
    assert run.changed in ({}, {"server1": [site_run.DRIFT["server"]]})
    assert not run.acted("server1")
    assert shell("server1", STATE) == before


def check(variables: dict[str, Any]) -> site_run.Run:
    """Runs the check alone."""
    return site_run.run(ALONE, variables=variables)


def require_named(variables: dict[str, Any], message: str, option: str = "connection_string") -> None:
    """Runs the check alone, and checks that it names what is wrong."""
    run = check(variables)
    assert f"{OPTION}{option} {message}" in run.failed["server1"]


def warned(variables: dict[str, Any], option: str = "ro_connection_string") -> list[str]:
    """Runs the check alone, and returns its warnings about an option."""
    (result,) = check(variables).require().of("server1", CHECK)
    return [text.removeprefix(f"{OPTION}{option} ") for text in result.get("warnings", []) if text.startswith(f"{OPTION}{option} ")]
