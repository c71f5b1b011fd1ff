# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a service sees the files that its tree has it read. Where it writes, places.py looks at."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator

from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.formats import connection_strings
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.host import paths as host_paths
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import files as schema_files

#: what PrivateTmp hides, and ProtectHome where it says yes; read-only shows it
_TEMPORARY = ("/tmp", "/var/tmp")
_HOMES = ("/home", "/root", "/run/user", "/var/run/user")
#: files among the parameters of a PostgreSQL connection string
_PARAMETERS = ("sslrootcert", "sslcert", "sslkey", "passfile")
#: what lib/pq takes in place of a file's path
_NO_FILE = ("system", "-----BEGIN")


def check(planned: Plan) -> Iterable[Problem]:
    """Every file that is named by no absolute path, or lies where the unit hides it. The rootless quickstart has no sandbox."""
    hidden = () if planned.paths.root else _TEMPORARY + (_HOMES if planned.needs.home == "yes" else ())
    for path, file in schema_files.files(planned.component, planned.tree):
        layer = planned.merged.origin(path)
        if not file.startswith("/"):
            yield Problem("path", path, host_paths.bad_path(file), layer)
            continue
        place = _hides(file, hidden)
        if place:
            # SPIRE itself writes the file that its keys are known by, at its first start
            better = planned.data_dir if path.endswith(".key_identifier_file") else "/etc/spire"
            message = f"The service's sandbox hides {place} from it, so SPIRE would find no file there; put it below {better}."
            yield Problem("hidden_file", path, message, layer)
    for path, name, file in _of_database(planned):
        layer = planned.merged.origin(path)
        place = _hides(file, hidden)
        if not file.startswith("/"):
            message = f"Its {name} must be an absolute path: the service has no directory to start from."
            yield Problem("path", path, message, layer)
        elif place:
            message = f"The service's sandbox hides {place} from it, so its {name} would not be found there; put it below /etc/spire."
            yield Problem("hidden_file", path, message, layer)


def _hides(file: str, hidden: Iterable[str]) -> str:
    """The directory that hides a file; empty for one that the service sees."""
    whole = posixpath.normpath(file)
    return next((place for place in hidden if whole.startswith(f"{place}/")), "")


def _of_database(planned: Plan) -> Iterator[tuple[str, str, str]]:
    """Path, parameter and file of each file that a connection string names; the string itself is a secret.

    Source: github.com/lib/pq, connector.go and ssl.go (parameters of the connection, sslinline)
    """
    sql = planned.plugin_data("DataStore", "sql")
    kind = connection_strings.kind(sql.get("database_type"))
    for option in ("connection_string", "ro_connection_string"):
        found = connection_strings.read(kind, str(sql.get(option) or ""))
        for name in _PARAMETERS if found else ():
            file = found.parameters.get(name, "")
            if file and not file.startswith(_NO_FILE):
                yield f"plugins.DataStore.sql.plugin_data.{option}", name, file
