# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the request to the probe of a host from the host's plan."""

from __future__ import annotations

import dataclasses
import hashlib
import posixpath
from pathlib import PurePosixPath
from typing import Any

from ansible_collections.spire.fleet.plugins.module_utils.host.observe import server_state
from ansible_collections.spire.fleet.plugins.module_utils.host.programs import RELEASED
from ansible_collections.spire.fleet.plugins.plugin_utils.common.addresses import without_brackets
from ansible_collections.spire.fleet.plugins.plugin_utils.drift import missing_ca, supplied_files
from ansible_collections.spire.fleet.plugins.plugin_utils.host.service import stamped_files
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import node as pki_node, plugin_options as pki_options
from ansible_collections.spire.fleet.plugins.plugin_utils.plan import service as plan_service
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.files import DELIVERED
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import files as schema_files


@dataclasses.dataclass(frozen=True)
class ProbeRequest:
    """The request for one probe of one component, which module_utils/host/probe.py answers."""

    user: str
    #: the paths of the files whose contents are compared, by the files' names
    files: dict[str, str]
    #: the path of each private key and the public key that it should belong to, by the key's name
    keys: dict[str, dict[str, str]]
    #: the paths of the user's own private keys
    secrets: list[str]
    #: the paths of files that a missing CA has issued
    issued: list[str]
    #: the paths of files with certificates whose dates are reported
    certificates: list[str]
    #: the files with keys and certificates that the collection does not write, and of each whether a private key is wanted in it
    supplied: dict[str, bool]
    directories: list[str]
    #: directories that the service's user goes through, the upper ones first
    traversed: list[str]
    temporary_files: list[str]
    obsolete_files: list[str]
    #: the directory of the files that a killed run has kept
    kept: str
    #: the file of a server's SQLite database; empty where it has none
    datastore: str
    #: the file that shows that the service was healthy at least once
    was_healthy: str
    link: str
    release: dict[str, Any] | None
    binary: str
    #: the path of the binary that the process should run, without the link, which may lead to another version
    runs: str
    #: Whether the binary is run to print its version. The collection's own binaries have a manifest, which is faster to read.
    probe_version: bool
    service: dict[str, Any]
    socket: str
    #: What to read of a running server, as module_utils/host/observe/server_state.py takes it. None where nothing is to be read, and empty where its
    #: health is enough.
    state: dict[str, Any] | None
    #: the ports that the process opens, as module_utils/host/ports.py takes them
    ports: list[dict[str, Any]]
    #: an agent's data directory and the path of its key; empty for a server
    identity: dict[str, str]
    plugins: list[dict[str, str]]
    #: the address, the port and the SPIFFE ID at which a server should answer; None where that is not asked
    server: dict[str, Any] | None

    def as_argument(self) -> dict[str, Any]:
        """Returns the argument of the module."""
        return dataclasses.asdict(self)


def request_of(plan: Plan, reach_server: bool = False, state: str | None = None) -> ProbeRequest:
    """Returns the request for the host of this plan.

    With ``reach_server``, an agent's host tries to reach the server. With ``state``, a running server is asked for its health, and if that is "all",
    also for its agents, entries and bundle.
    """
    paths, keys = plan.paths, _keys(plan)
    # The run corrects a wrong mode of the collection's own keys, so these do not count as the user's keys, which would stop it.
    corrected = {key["path"] for key in keys.values()} | {one.path for one in plan.delivered}
    agent = plan.component == "agent"
    return ProbeRequest(
        user=plan.user,
        files={**{file.name: file.path for file in plan.files}, DELIVERED: paths.delivered, **({"bundle": paths.bundle} if agent else {})},
        keys=keys,
        secrets=[path for path in schema_files.secret_files(plan.component, plan.tree) if path not in corrected],
        issued=missing_ca.paths(plan),
        certificates=list(schema_files.certificate_files(plan.component, plan.tree)),
        supplied=supplied_files.asked(plan),
        directories=[directory.path for directory in (*plan.parents, *plan.directories)],
        traversed=_traversed(plan),
        temporary_files=[paths.candidate, paths.incoming, *([paths.enrol_dir] if agent else [])],
        obsolete_files=_obsolete_files(plan),
        kept=paths.kept,
        datastore=plan.datastore_file,
        was_healthy=paths.healthy,
        link=paths.link if plan.versioned else "",
        release={"root": paths.install_root, "version": str(plan.version), "names": [paths.binary_name]} if plan.versioned else None,
        binary=plan.binary,
        runs=posixpath.join(paths.install_root, str(plan.version), "bin", paths.binary_name) if plan.versioned else plan.binary,
        probe_version=not plan.versioned,
        service={
            "manager": plan.values["spire_service_manager"],
            "name": paths.service,
            "control": plan.supervisor("supervisorctl"),
            "stamp": paths.stamp,
        },
        socket=plan.socket,
        state=_state(plan, state) if state and not agent else None,
        ports=[one.asked() for one in plan.listeners],
        identity=_identity(plan),
        plugins=_plugins(plan),
        server=_server(plan) if reach_server else None,
    )


def _state(plan: Plan, state: str) -> dict[str, Any]:
    """Returns what to read of a server: nothing beside its health, or what the check of its agents and that of its entries need."""
    if state == "health":
        return {}
    asked = {name: option["default"] for name, option in server_state.OPTIONS.items()}
    return {**asked, "entries": True, "certificate_files": pki_node.authority_files(plan.plugin_data("NodeAttestor", "x509pop"))}


def _server(plan: Plan) -> dict[str, Any] | None:
    """Returns where an agent reaches a server; None where that can't be tried without the agent: it may connect through a proxy."""
    address, port = plan.main.get("server_address"), plan.main.get("server_port")
    if plan.component != "agent" or not address or not port or any(name.lower() == "https_proxy" for name in plan.environment):
        return None
    return {"host": without_brackets(str(address)), "port": int(port), "spiffe_id": f"spiffe://{plan.trust_domain}/spire/server"}


def _traversed(plan: Plan) -> list[str]:
    """Returns the directories above what the service reads and writes, its binary among them."""
    above = {directory.path for directory in (*plan.parents, *plan.directories)}
    above.update(str(path) for path in PurePosixPath(plan.binary).parents)
    return sorted(above - {"/", "."})


def _keys(plan: Plan) -> dict[str, dict[str, str]]:
    """Returns the path of each private key and the public key that it should belong to, by the key's name."""
    if not plan.host_certificate:
        return {}
    name = f"{plan.host_certificate.name}_key"
    return {name: {"path": plan.host_certificate_files[name].path, "public": plan.host_certificate.public_key_hex}}


def _obsolete_files(plan: Plan) -> list[str]:
    """Returns the files that the plan does not need. The running process may still read them, so they are removed after it was replaced."""
    found = pki_node.obsolete_files(plan.component, plan.paths, plan.merged)
    if not plan.paths.root and not plan_service.rotation(plan):
        found.append(plan.paths.logrotate)
    if not plan.environment:
        found.append(plan.paths.environment)
    disk = pki_options.InjectedOptions("disk", plan.checked_as, pki_options.disk_options(plan.paths))
    if plan.component == "server" and not plan.host_certificate and not disk.unchanged(plan.merged):
        # An earlier plan may have given the server an upstream CA. This plan does not, so its files are obsolete.
        found += [file.path for file in plan.host_certificate_files.values()]
    return found


def _identity(plan: Plan) -> dict[str, str]:
    """Returns an agent's data directory and the path of its key; empty for a server."""
    if plan.component != "agent":
        return {}
    directory = plan.plugin_data("KeyManager", "disk").get("directory")
    return {"data_dir": plan.data_dir, "key": posixpath.join(str(directory), "keys.json") if directory else ""}


def _plugins(plan: Plan) -> list[dict[str, str]]:
    return [
        {
            "path": command.path,
            "root": command.root,
            "version": command.version,
            "name": posixpath.basename(command.path),
            "sha256": command.sha256,
            "data_file": command.data_file,
        }
        for command in plan.commands
    ]


def planned_digests(plan: Plan) -> dict[str, str]:
    """Returns the SHA-256 of each file that a process of this plan is started with. They go to the host and never come back."""
    stamped = stamped_files(plan.paths, plan.needs)
    digests = {file.path: hashlib.sha256(file.content.encode()).hexdigest() for file in plan.files if file.path in stamped}
    return {**digests, **{command.path: command.sha256 for command in plan.commands if command.sha256}}


def variants_of(plan: Plan) -> dict[str, Plan]:
    """Returns the plan of each architecture, by the kernel's name of the architecture; empty where one plan is for all of them."""
    found = {}
    for arch in plan.architectures:
        try:
            found[RELEASED.get(arch, arch)] = plan.for_architecture(arch)
        except ValueError:
            # The mistake is reported only for a host that has this architecture.
            continue
    return found
