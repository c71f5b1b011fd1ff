# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tasks may see of plans: names, paths, versions. Never contents, which may hold secrets."""

from __future__ import annotations

import dataclasses
import os
import posixpath
from collections.abc import Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common import urls
from ansible_collections.spire.fleet.plugins.plugin_utils.host.files import File
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import node as pki_node
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.canary import canary
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.supervisor import supervisorctl, supervisord
from ansible_collections.spire.fleet.plugins.plugin_utils.releases import archives


def of_plan(planned: Plan, machine: str = "") -> dict[str, Any]:
    """One component for its acting tasks."""
    planned = planned.for_architecture(machine) if machine else planned
    paths, values = planned.paths, planned.values
    return {
        "component": planned.component,
        "machine": machine,
        "version": str(planned.version),
        "user": planned.user,
        "data_dir": planned.data_dir,
        "directories": [dataclasses.asdict(directory) for directory in planned.directories],
        "files": {file.name: _without_content(file) for file in planned.files},
        "removable": [
            *pki_node.managed_paths(planned.component, paths),
            paths.unit, paths.config, paths.candidate, paths.environment, paths.run_dir,
            *([paths.upstream_key, paths.upstream_certificate, paths.upstream_bundle] if planned.component == "server" else []),
            *([paths.bundle, paths.enrol_dir] if planned.component == "agent" else []),
            *([paths.link] if planned.versioned else []),
        ],
        "data": [planned.data_dir],
        "versioned": planned.versioned,
        "config": paths.config,
        "candidate": paths.candidate,
        "bundle": _without_content(planned.bundle_file),
        "enrol_dir": paths.enrol_dir,
        "enrol_token": paths.enrol_token,
        "enrol_environment": paths.enrol_environment,
        "enrol_config": paths.enrol_config,
        "token_by_file": planned.token_by_file,
        "service": paths.service,
        "manager": values["spire_service_manager"],
        "supervisorctl": supervisorctl(planned),
        "supervisord": supervisord(planned),
        "log": paths.log if paths.root else "",
        "server": f"{planned.main.get('server_address')}:{planned.main.get('server_port')}" if planned.component == "agent" else "",
        "socket": planned.socket,
        "binary": planned.binary,
        "binary_name": paths.binary_name,
        "install_root": values["spire_install_root"],
        "link": paths.link,
        "incoming": paths.incoming,
        "canary": canary(planned),
        "start_timeout": values["spire_start_timeout"],
        "source": values["spire_install_source"],
        "packages": [str(name) for name in values["spire_package"]],
        "plugins": plugins(planned),
        "host_certificate": material(planned),
        "upstream_id": planned.upstream.key_id if planned.upstream else "",
        "authorities": {one.name: _without_content(pki_node.server_file(one.name, paths)) for one in planned.authorities},
        "download": values["spire_archive_download"],
        "cache": os.path.expanduser(values["spire_archive_cache"]),
        **({"archive": archive(planned, machine), "local_dir": local_dir(planned, machine)} if machine else {}),
    }


def material(planned: Plan) -> dict[str, Any]:
    """Where the key and the certificates go that the host has from us; empty where it has none."""
    if planned.host_certificate is None:
        return {}
    files = [_without_content(file) for file in planned.host_certificate_files.values()]
    return {
        "key_on_host": planned.host_certificate.key_on_host,
        # whether the root above the servers' CAs is above it, too
        "rotates": getattr(planned.host_certificate, "parent_ca", None) is not None,
        "key_type": planned.host_certificate.key_type,
        "key": next(file for file in files if file["secret"]),
        "certificates": [file for file in files if not file["secret"]],
    }


def _without_content(file: File) -> dict[str, Any]:
    return {key: value for key, value in dataclasses.asdict(file).items() if key != "content"}


def plugins(planned: Plan) -> list[dict[str, str]]:
    """The binaries of external plugins that are brought to the host, each once.

    Neither on their way nor in the cache do two of one name meet.
    """
    cache = os.path.expanduser(planned.values["spire_archive_cache"])
    found = {}
    for command in planned.commands:
        if command.root:
            name = os.path.basename(command.path)
            cached = os.path.join(cache, "plugins", command.sha256, name)
            found[command.path] = {
                "entry": command.entry,
                "name": name,
                "path": command.path,
                "root": command.root,
                "version": command.version,
                "sha256": command.sha256,
                "url": urls.plain(command.source) if command.place == "url" else "",
                "file": os.path.expanduser(command.source) if command.place == "src" else cached,
                "incoming": posixpath.join(planned.paths.incoming, command.sha256),
            }
    return list(found.values())


def archive(planned: Plan, machine: str) -> dict[str, str]:
    """Where a release's tarball is, and what it must hash to."""
    arch = archives.architecture(machine)
    name, checksums = archives.archive_names(str(planned.version), arch)[:2]
    base = urls.plain(_archive_page(planned, arch))
    pinned = _by_arch(planned.values["spire_archive_sha256"], arch)
    return {
        "name": name,
        "url": f"{base}/{name}",
        "checksum": f"sha256:{pinned.removeprefix('sha256:')}" if pinned else f"sha256:{base}/{checksums}",
    }


def _archive_page(planned: Plan, arch: str) -> str:
    """The address of the directory of a release's files, as it was given."""
    return str(planned.values["spire_archive_url"]).replace("{version}", str(planned.version)).replace("{arch}", arch).rstrip("/")


def login(planned: Plan, machine: str, address: str) -> urls.Login | None:
    """The login for one of the addresses in what tasks see of a plan, where it was given with one."""
    arch = archives.architecture(machine)
    if planned.values["spire_install_source"] == "archive" and archive(planned, machine)["url"] == address:
        return urls.parted(_archive_page(planned, arch))[1]
    given = (urls.parted(command.source) for command in planned.for_architecture(machine).commands if command.place == "url")
    return next((found for shown, found in given if shown == address), None)


def local_dir(planned: Plan, machine: str) -> str:
    """The controller's directory of binaries for a host's architecture."""
    return os.path.expanduser(_by_arch(planned.values["spire_local_dir"], archives.architecture(machine)))


def _by_arch(value: Any, arch: str) -> str:
    if isinstance(value, Mapping):
        return str(value.get(arch) or "")
    return str(value or "")
