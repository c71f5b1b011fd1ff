# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files and directories that a plan has on its host."""

from __future__ import annotations

import dataclasses
import posixpath
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ansible_collections.spire.fleet.plugins.plugin_utils import hcl
from ansible_collections.spire.fleet.plugins.plugin_utils.common.directories import is_within
from ansible_collections.spire.fleet.plugins.plugin_utils.host import logrotate, supervisor
from ansible_collections.spire.fleet.plugins.plugin_utils.host.files import Directory, File
from ansible_collections.spire.fleet.plugins.plugin_utils.host.paths import OURS, Paths
from ansible_collections.spire.fleet.plugins.plugin_utils.host.service import MANAGED, environment_file
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import node as pki_node
from ansible_collections.spire.fleet.plugins.plugin_utils.plan import service, write_paths

if TYPE_CHECKING:
    from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan


#: names of files
CONFIGURATION, ENVIRONMENT, SERVICE, LOGROTATE, SUPERVISOR = "configuration", "environment", "service", "logrotate", "supervisor"
#: the list of delivered files
DELIVERED = "delivered"


class UnknownFileError(Exception):
    """The plan has no file of this name."""


def directories(plan: Plan) -> list[Directory]:
    """Returns the directories that must exist before the service starts."""
    found = [
        Directory(plan.paths.config_dir, "0755", plan.paths.owner, plan.paths.owner),
        Directory(plan.data_dir, "0700", plan.user, plan.user),
    ]
    if plan.paths.root:
        found += [
            Directory(posixpath.dirname(plan.paths.unit), "0700", "", ""),
            Directory(plan.paths.run_dir, "0700", "", ""),
            Directory(posixpath.dirname(plan.paths.log), "0700", "", ""),
        ]
    # Workloads of any user must be able to enter the directory of the agent's socket.
    public = posixpath.dirname(plan.socket) if plan.component == "agent" else ""
    extra = write_paths.persistent_dirs(plan)
    return found + [
        Directory(
            path, "0755" if path == public else "0750", plan.user, plan.user,
            # The service's user owns the outer directory, so it could replace the inner one by a link.
            follow=not is_within(posixpath.dirname(path), (plan.data_dir, *extra)),
        )
        for path in extra
    ]


def parents(plan: Plan) -> list[Directory]:
    """Returns the directories above those of the plan, the upper ones first.

    Each has an explicit owner and mode, because the umask of a hardened host would close a new directory to the service's user.
    """
    root = plan.paths.owner
    own = [*(directory.path for directory in directories(plan)), plan.paths.run_dir, *([plan.paths.link] if plan.versioned else [])]
    own += [one.path for one in plan.delivered if not one.mistake]
    own += [plan.paths.logrotate] if service.rotation(plan) else []
    # systemd creates the directories of the service's sockets at each start.
    others = {*(directory.path for directory in directories(plan)), *write_paths.runtime_dirs(plan)}
    above = {parent for path in own for parent in _above(path)} - others
    return [Directory(path, "0755", root, root, keep=plan.paths.root != "" or not _is_ours(path)) for path in sorted(above)]


def _above(path: str) -> Iterator[str]:
    """Yields the directories above an absolute path, without the root of the file system."""
    while (path := posixpath.dirname(path)) not in ("", "/"):
        yield path


def _is_ours(path: str) -> bool:
    return any(is_within(path, (ours,)) for ours in OURS)


def own_paths(paths: Paths) -> list[str]:
    """Returns every file and directory that the collection may make for an instance, apart from its data directory and its binaries."""
    return [
        *pki_node.managed_paths(paths.component, paths), paths.delivered, *([] if paths.root else [paths.logrotate]),
        paths.unit, paths.config, paths.candidate, paths.environment, paths.run_dir, paths.stamp, paths.kept, paths.healthy,
        *([paths.upstream_key, paths.upstream_certificate, paths.upstream_bundle] if paths.component == "server" else []),
        *([paths.bundle, paths.enrol_dir] if paths.component == "agent" else []),
    ]


def files(plan: Plan) -> list[File]:
    """Returns the files that the collection writes as a whole."""
    root = plan.paths.owner
    found = [File(CONFIGURATION, plan.paths.config, plan.render(), "0640", root, plan.user, secret=True)]
    if plan.environment:
        text = environment_file(plan.environment)
        found.append(File(ENVIRONMENT, plan.paths.environment, text, "0600", root, root, secret=True))
    found.append(File(SERVICE, plan.paths.unit, service.definition(plan), "0644", root, root))
    rotation = service.rotation(plan)
    if rotation:
        found.append(File(LOGROTATE, plan.paths.logrotate, logrotate.definition(rotation), "0644", root, root))
    found += _certificates(plan)
    found += _delivered(plan)
    if plan.paths.root:
        found.append(File(SUPERVISOR, plan.paths.supervisor_config, supervisor.daemon(plan.paths), "0644", root, root))
    return found


def _certificates(plan: Plan) -> Iterator[File]:
    for name, content in (plan.host_certificate.files() if plan.host_certificate else {}).items():
        yield dataclasses.replace(plan.host_certificate_files[name], content=content)
    for authority in plan.authorities:
        text = authority.authorities_text()
        if text:
            yield dataclasses.replace(pki_node.server_file(authority.name, plan.paths), content=text)


def _delivered(plan: Plan) -> Iterator[File]:
    """Yields the files of a person's own, and the list of them, by which a later run finds those that it has to remove."""
    root, mode = plan.paths.owner, "0640" if plan.user else "0600"
    sound = [one for one in plan.delivered if not one.mistake]
    for one in sound:
        yield File(one.path, one.path, one.content, one.mode or mode, one.owner or root, one.group or plan.user, secret=one.secret)
    if sound:
        yield File(DELIVERED, plan.paths.delivered, delivered_list([one.path for one in sound]), "0644", root, root)


def delivered_list(paths: Iterable[str]) -> str:
    """Returns the text of the list of delivered files."""
    return "".join(f"{path}\n" for path in sorted(set(paths)))


def names(plan: Plan) -> list[str]:
    """Returns the names of the files that a run writes, apart from the host's own key and certificates, in the order of writing.

    The list of delivered files comes first, so that a run which ends too early forgets none. SPIRE validates the configuration, and reads
    those before it.
    """
    delivered = [one.path for one in plan.delivered]
    authorities = [pki_node.server_file(one.name, plan.paths).name for one in plan.authorities]
    return [DELIVERED, ENVIRONMENT, *delivered, *authorities, CONFIGURATION, SERVICE, SUPERVISOR, LOGROTATE]


def file_of(plan: Plan, name: str) -> File:
    """Returns a file by its name, also the host's private key; raises UnknownFileError if the plan has no file of this name."""
    if plan.host_certificate and name == f"{plan.host_certificate.name}_key":
        return dataclasses.replace(plan.host_certificate_files[name], content=plan.host_certificate.key_text())
    for file in plan.files:
        if file.name == name:
            return file
    raise UnknownFileError(f"no file of the {plan.component} is called {name}")


def configuration(plan: Plan, extra: Mapping[str, Any]) -> str:
    """Returns the text of the configuration file, with the options of ``extra`` added to the main block."""
    content = {**plan.tree, plan.component: {**plan.main, **extra}} if extra else plan.tree
    if plan.values[f"spire_{plan.component}_config_format"] == "json":
        return hcl.dumps_json(content)
    return MANAGED + "\n" + hcl.dumps(content)
