# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the paths that the process of a plan writes to, by the options of its tree."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from ansible_collections.spire.fleet.plugins.plugin_utils.common.directories import is_within

if TYPE_CHECKING:
    from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan

#: the directories whose content does not survive a reboot
RUNTIME = ("/run", "/var/run")
#: options of the main block that name a file or a socket
_MAIN_OPTIONS = ("log_file", "socket_path", "registration_uds_path", "admin_socket_path")
#: the option that names the file of a SQLite database
DATASTORE = "plugins.DataStore.sql.plugin_data.connection_string"


class WritePath(NamedTuple):
    """A directory that the process writes to, and the path in the option."""

    directory: str
    given: str


def of_plan(plan: Plan) -> dict[str, WritePath]:
    """Returns each path that the process writes to, by the option that names it."""
    return {option: WritePath(posixpath.normpath(directory) if directory else "", given) for option, directory, given in _all(plan) if given}


def _all(plan: Plan) -> Iterator[tuple[str, str, str]]:
    for option in _MAIN_OPTIONS:
        given = str(plan.main.get(option) or "")
        yield f"{plan.component}.{option}", posixpath.dirname(given), given
    yield f"{plan.component}.data_dir", plan.data_dir, plan.data_dir
    keys, path = plan.plugin_data("KeyManager", "disk"), "plugins.KeyManager.disk.plugin_data"
    given = str(keys.get("keys_path") or "")
    yield f"{path}.keys_path", posixpath.dirname(given), given
    given = str(keys.get("directory") or "")
    yield f"{path}.directory", given, given
    sql = plan.plugin_data("DataStore", "sql")
    given = _sqlite_path(str(sql.get("connection_string") or "")) if sql.get("database_type") == "sqlite3" else ""
    # a database in memory has no file
    if ":memory:" not in given:
        yield DATASTORE, posixpath.dirname(given), given


def _sqlite_path(connection: str) -> str:
    """Returns the file in a connection string such as ``file:/x/y.db?mode=rwc``."""
    return connection.removeprefix("file:").removeprefix("//").split("?", 1)[0]


def persistent_dirs(plan: Plan) -> tuple[str, ...]:
    """Extra directories that the service writes to and that survive a reboot."""
    return tuple(directory for directory in _extra_dirs(plan) if not _is_runtime(plan, directory))


def runtime_dirs(plan: Plan) -> tuple[str, ...]:
    """Extra directories under /run; systemd creates them at each start."""
    return tuple(directory for directory in _extra_dirs(plan) if _is_runtime(plan, directory))


def _extra_dirs(plan: Plan) -> Iterator[str]:
    """Yields the directories besides the data directory and the directory of the sockets."""
    for directory in dict.fromkeys(path.directory for path in plan.write_paths.values()):
        if directory.startswith("/") and not is_within(directory, (plan.data_dir, plan.paths.run_dir)):
            yield directory


def _is_runtime(plan: Plan, directory: str) -> bool:
    return not plan.paths.root and is_within(directory, RUNTIME)
