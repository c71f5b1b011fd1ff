# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about the files that a service reads. paths.py has those about the files that it writes."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator

from ansible_collections.spire.fleet.plugins.plugin_utils.formats import connection_strings
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.host import paths as host_paths
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import files as schema_files

#: what PrivateTmp hides, and ProtectHome where it says yes; read-only shows it
_TEMPORARY = ("/tmp", "/var/tmp")
_HOMES = ("/home", "/root", "/run/user", "/var/run/user")
#: files among the parameters of a PostgreSQL connection string
_PARAMETERS = ("sslrootcert", "sslcert", "sslkey", "passfile")
#: what lib/pq takes in place of a file's path
_NO_FILE = ("system", "-----BEGIN")


@rule("host", "server", "agent", source="systemd.exec(5) (WorkingDirectory)")
def absolute_file_path(context: RuleContext) -> Findings:
    """The path of every file that SPIRE reads is absolute."""
    for path, file in _files(context):
        if not file.startswith("/"):
            yield Finding(path, host_paths.bad_path(file))
    for path, name, file in _of_database(context):
        if not file.startswith("/"):
            yield Finding(path, f"Its {name} must be an absolute path, because the service has no working directory.")


@rule("host", "server", "agent", source="systemd.exec(5) (PrivateTmp, ProtectHome)")
def file_hidden_by_sandbox(context: RuleContext) -> Findings:
    """Every file that SPIRE reads is in a directory that the service's sandbox does not hide."""
    planned: Plan = context.plan
    # the rootless quickstart has no sandbox
    hidden = () if planned.paths.root else _TEMPORARY + (_HOMES if planned.needs.home == "yes" else ())
    for path, file in _files(context):
        place = _hides(file, hidden)
        if place:
            # SPIRE itself writes the key_identifier_file at its first start
            better = planned.data_dir if path.endswith(".key_identifier_file") else "/etc/spire"
            yield Finding(path, f"The service's sandbox hides {place}, so SPIRE can't find the file. Move it to a directory below {better}.")
    for path, name, file in _of_database(context):
        place = _hides(file, hidden)
        if place:
            message = f"The service's sandbox hides {place}, so SPIRE can't find the file of its {name}. Move the file to a directory below /etc/spire."
            yield Finding(path, message)


def _hides(file: str, hidden: Iterable[str]) -> str:
    """Returns the directory that hides a file; empty for a file that the service sees."""
    whole = posixpath.normpath(file)
    return next((place for place in hidden if whole.startswith(f"{place}/")), "")


def _files(context: RuleContext) -> list[tuple[str, str]]:
    """Returns path and file of each option that names a file which SPIRE reads."""
    planned: Plan = context.plan
    return context.fact("files", lambda: list(schema_files.files(planned.component, planned.tree)))


def _of_database(context: RuleContext) -> list[tuple[str, str, str]]:
    """Returns path, parameter and file of each file that a connection string names; the string itself is a secret."""
    return context.fact("database_files", lambda: list(_parameters(context.plan)))


def _parameters(planned: Plan) -> Iterator[tuple[str, str, str]]:
    # github.com/lib/pq, connector.go and ssl.go (parameters of the connection, sslinline)
    if planned.component == "agent":
        return
    sql = planned.plugin_data("DataStore", "sql")
    kind = connection_strings.kind(sql.get("database_type"))
    for option in ("connection_string", "ro_connection_string"):
        found = connection_strings.read(kind, str(sql.get(option) or ""))
        for name in _PARAMETERS if found else ():
            file = found.parameters.get(name, "") if found else ""
            if file and not file.startswith(_NO_FILE):
                yield f"plugins.DataStore.sql.plugin_data.{option}", name, file
