# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Returns the facts of a plan that tasks may see: names, paths, versions. Contents are left out, because they may hold secrets."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.host.files import File
from ansible_collections.spire.fleet.plugins.plugin_utils.host.listeners import statsd_names
from ansible_collections.spire.fleet.plugins.plugin_utils.plan import datastore_admin, downloads, files
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan


def of_plan(planned: Plan, machine: str = "") -> dict[str, Any]:
    """Returns the facts of a plan that the tasks of its component need."""
    planned = planned.for_architecture(machine) if machine else planned
    return {
        "component": planned.component,
        "machine": machine,
        "version": str(planned.version),
        "canary": planned.canary,
        **_files(planned),
        **_enrolment(planned),
        **_service(planned),
        **_installation(planned, machine),
        **_certificates(planned),
    }


def _files(planned: Plan) -> dict[str, Any]:
    paths = planned.paths
    return {
        "user": planned.user,
        "data_dir": planned.data_dir,
        "files": {file.name: _without_content(file) for file in planned.files},
        "removable": [
            *(one.path for one in planned.delivered), *files.own_paths(paths),
            *([paths.link] if planned.versioned else []),
        ],
        "data": [planned.data_dir],
        "written": files.names(planned),
        "delivered_list": paths.delivered,
        "datastore_admin": _datastore_admin(planned),
        "datastore": planned.datastore_file if planned.component == "server" else "",
        "kept": paths.kept,
        "healthy": paths.healthy,
        "kept_files": sorted({
            *(file.path for file in planned.files), *(file.path for file in planned.host_certificate_files.values()), paths.environment,
            *([paths.bundle] if planned.component == "agent" else []), *([paths.link] if planned.versioned else []),
        }),
        "config": paths.config,
    }


def _datastore_admin(planned: Plan) -> dict[str, Any]:
    kind = str(planned.plugin_data("DataStore", "sql").get("database_type") or "") if planned.component == "server" else ""
    return dataclasses.asdict(datastore_admin.place(planned.values, kind))


def _enrolment(planned: Plan) -> dict[str, Any]:
    paths = planned.paths
    return {
        "bundle": _without_content(planned.bundle_file),
        "claimed_id": planned.claimed_id,
        "enrol_dir": paths.enrol_dir,
        "enrol_token": paths.enrol_token,
        "enrol_environment": paths.enrol_environment,
        "enrol_config": paths.enrol_config,
        "token_by_file": planned.token_by_file,
    }


def _service(planned: Plan) -> dict[str, Any]:
    paths, values = planned.paths, planned.values
    return {
        "service": paths.service,
        "manager": values["spire_service_manager"],
        "supervisorctl": planned.supervisor("supervisorctl"),
        "supervisord": planned.supervisor("supervisord"),
        "log_files": [*([str(planned.main["log_file"])] if planned.main.get("log_file") else []), *([paths.log] if paths.root else [])],
        "server": f"{planned.main.get('server_address')}:{planned.main.get('server_port')}" if planned.component == "agent" else "",
        "socket": planned.socket,
        "ports": [one.asked() for one in planned.listeners],
        "names": dict(statsd_names(planned.tree)),
        "start_timeout": values["spire_start_timeout"],
    }


def _installation(planned: Plan, machine: str) -> dict[str, Any]:
    paths, values = planned.paths, planned.values
    known = {"archive": downloads.archive(planned, machine), "local_dir": downloads.local_dir(planned, machine)} if machine else {}
    return {
        "versioned": planned.versioned,
        "binary": planned.binary,
        "binary_name": paths.binary_name,
        "install_root": values["spire_install_root"],
        "link": paths.link,
        "incoming": paths.incoming,
        "source": values["spire_install_source"],
        "packages": [str(name) for name in values["spire_package"]],
        "plugins": downloads.plugins(planned),
        "download": values["spire_archive_download"],
        "cache": os.path.expanduser(values["spire_archive_cache"]),
        **known,
    }


def _certificates(planned: Plan) -> dict[str, Any]:
    return {
        "host_certificate": _host_certificate(planned),
        "upstream_id": planned.upstream.key_id if planned.upstream else "",
    }


def _host_certificate(planned: Plan) -> dict[str, Any]:
    """Returns the files of the host's key and certificates; empty where the collection gives it none."""
    if planned.host_certificate is None:
        return {}
    files = [_without_content(file) for file in planned.host_certificate_files.values()]
    return {
        "key_on_host": planned.host_certificate.key_on_host,
        # whether it is signed by the root of the servers' CAs, which a rotation replaces
        "rotates": getattr(planned.host_certificate, "parent_ca", None) is not None,
        "key_type": planned.host_certificate.key_type,
        "key": next(file for file in files if file["secret"]),
        "certificates": [file for file in files if not file["secret"]],
    }


def _without_content(file: File) -> dict[str, Any]:
    return {key: value for key, value in dataclasses.asdict(file).items() if key != "content"}
