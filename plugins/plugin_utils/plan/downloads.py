# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds where the binaries of a plan come from. The addresses that tasks get have no user and password."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common import urls
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.releases import archives


def plugins(planned: Plan) -> list[dict[str, str]]:
    """Returns the binaries of external plugins to install, each once. Each has a directory for incoming files of its own: names may be equal."""
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
    """Returns the address of a release's tarball, and its checksum."""
    arch = archives.architecture(machine)
    name, checksums = archives.archive_names(str(planned.version), arch)
    base = urls.plain(_archive_page(planned, arch))
    pinned = _by_arch(planned.values["spire_archive_sha256"], arch)
    return {
        "name": name,
        "url": f"{base}/{name}",
        "checksum": f"sha256:{pinned.removeprefix('sha256:')}" if pinned else f"sha256:{base}/{checksums}",
    }


def _archive_page(planned: Plan, arch: str) -> str:
    """Returns the address of the directory with a release's files. It may contain a login."""
    return str(planned.values["spire_archive_url"]).replace("{version}", str(planned.version)).replace("{arch}", arch).rstrip("/")


def login(planned: Plan, machine: str, address: str) -> urls.Login | None:
    """Returns the login for an address that a task got from a plan; None where the variable has no login in the address."""
    arch = archives.architecture(machine)
    if planned.values["spire_install_source"] == "archive" and archive(planned, machine)["url"] == address:
        return urls.parted(_archive_page(planned, arch))[1]
    given = (urls.parted(command.source) for command in planned.for_architecture(machine).commands if command.place == "url")
    return next((found for shown, found in given if shown == address), None)


def local_dir(planned: Plan, machine: str) -> str:
    """Returns the controller's directory of binaries for a host's architecture."""
    return os.path.expanduser(_by_arch(planned.values["spire_local_dir"], archives.architecture(machine)))


def _by_arch(value: Any, arch: str) -> str:
    if isinstance(value, Mapping):
        return str(value.get(arch) or "")
    return str(value or "")
