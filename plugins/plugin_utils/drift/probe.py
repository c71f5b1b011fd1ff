# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the look has to look at on a host, made from a plan."""

from __future__ import annotations

import hashlib
import posixpath
from typing import Any

from ansible_collections.spire.fleet.plugins.module_utils.host.release_archive import RELEASED
from ansible_collections.spire.fleet.plugins.plugin_utils.drift import missing_ca
from ansible_collections.spire.fleet.plugins.plugin_utils.host import services
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import node as pki_node, plugin_options as pki_options
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.supervisor import supervisorctl
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import files as schema_files


def spec_of(plan: Plan) -> dict[str, Any]:
    """The argument of the look's module."""
    paths = plan.paths
    files = {file.name: file.path for file in plan.files}
    leftovers = [paths.candidate, paths.incoming]
    # The process that runs, as it is configured now, may read these again; they go once it is another one.
    unused = pki_node.obsolete_files(plan.component, paths, plan.merged)
    if not plan.environment:
        # credentials that the process needs no more
        unused.append(paths.environment)
    identity: dict[str, Any] = {}
    keys = {}
    if plan.host_certificate:
        name = f"{plan.host_certificate.name}_key"
        keys = {name: {"path": plan.host_certificate_files[name].path, "public": plan.host_certificate.public_key_hex}}
    disk = pki_options.InjectedOptions("disk", plan.version, pki_options.disk_options(paths))
    if plan.component == "server" and not plan.host_certificate and not disk.unchanged(plan.merged):
        # of an upstream authority that the server has no more
        unused += [file.path for file in plan.host_certificate_files.values()]
    # a key that we bring gets its mode back by the run, instead of stopping it
    mended = {key["path"] for key in keys.values()}
    if plan.component == "agent":
        files["bundle"] = paths.bundle
        leftovers.append(paths.enrol_dir)
        directory = plan.plugin_data("KeyManager", "disk").get("directory")
        identity = {
            "data_dir": plan.data_dir,
            "key": posixpath.join(str(directory), "keys.json") if directory else "",
        }
    return {
        "user": plan.user,
        "files": files,
        "keys": keys,
        "secrets": [path for path in schema_files.secret_files(plan.component, plan.tree) if path not in mended],
        "issued": missing_ca.paths(plan),
        "certificates": list(schema_files.certificate_files(plan.component, plan.tree)),
        "directories": [directory.path for directory in plan.directories],
        "temporary_files": leftovers,
        "obsolete_files": unused,
        "link": paths.link if plan.versioned else "",
        "release": (
            {"root": paths.install_root, "version": str(plan.version), "names": [paths.binary_name]}
            if plan.versioned
            else None
        ),
        "binary": plan.binary,
        # Not through the link, which may name another version than the one that runs.
        "runs": (
            posixpath.join(paths.install_root, str(plan.version), "bin", paths.binary_name)
            if plan.versioned
            else plan.binary
        ),
        # Ours have a manifest, which is cheaper than a start of the program.
        "probe_version": not plan.versioned,
        "service": {
            "manager": plan.values["spire_service_manager"],
            "name": paths.service,
            "control": supervisorctl(plan),
            "stamp": paths.stamp,
        },
        "socket": plan.socket,
        "ports": [[one.address, one.port] for one in plan.listeners],
        "identity": identity,
        "plugins": [
            {
                "path": command.path,
                "root": command.root,
                "version": command.version,
                "name": posixpath.basename(command.path),
                "sha256": command.sha256,
                "data_file": command.data_file,
            }
            for command in plan.commands
        ],
    }


def planned_digests(plan: Plan) -> dict[str, str]:
    """The SHA-256 of each file that a process of this plan is started with. It goes to the host and never comes back."""
    stamped = services.stamped_files(plan.paths, plan.needs)
    digests = {file.path: hashlib.sha256(file.content.encode()).hexdigest() for file in plan.files if file.path in stamped}
    return {**digests, **{command.path: command.sha256 for command in plan.commands if command.sha256}}


def variants_of(plan: Plan) -> dict[str, Plan]:
    """The plan for each architecture that it is another one for, by the kernel's name of it."""
    found = {}
    for arch in plan.architectures:
        try:
            found[RELEASED.get(arch, arch)] = plan.for_architecture(arch)
        except ValueError:
            # it is told once a host of this architecture turns up
            continue
    return found
