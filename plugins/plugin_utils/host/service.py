# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of a service's definition that are the same for every service manager."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from ansible_collections.spire.fleet.plugins.plugin_utils.host.paths import Paths

MANAGED = "# Managed by spire.fleet. Changes made here are reported, and undone by the next run."


@dataclasses.dataclass(frozen=True)
class Needs:
    """The facts of a component that the definition of its service depends on."""

    user: str
    binary: str
    start_timeout: int
    #: directories that the process writes to, besides the data directory
    persistent_write_dirs: tuple[str, ...] = ()
    #: directories under /run, which are gone after a reboot
    runtime_write_dirs: tuple[str, ...] = ()
    #: the reasons why the process must be root; empty if it need not
    root_reasons: tuple[str, ...] = ()
    privileged_port: bool = False
    tpm: bool = False
    home: str = "yes"
    environment: bool = False
    #: paths of the binaries of external plugins
    plugins: tuple[str, ...] = ()
    #: versions of the secrets in AWS that the process reads only when it starts
    secrets: str = ""
    #: paths of the certificates that the process reads only when it starts
    stamped: tuple[str, ...] = ()
    #: names of the services that must be started first
    after: tuple[str, ...] = ()


def stamped_files(paths: Paths, needs: Needs) -> list[str]:
    """Returns the files whose change needs a restart."""
    return [paths.config, paths.unit, *([paths.environment] if needs.environment else []), *needs.plugins, *needs.stamped]


def environment_file(environment: Mapping[str, str]) -> str:
    """Returns the text of a systemd EnvironmentFile, which a shell can read, too."""
    return "".join(f"{name}={_quoted(value)}\n" for name, value in sorted(environment.items()))


def _quoted(value: str) -> str:
    return '"' + "".join("\\" + char if char in '"\\$`' else char for char in value) + '"'


def restart_note(comment: str, needs: Needs) -> list[str]:
    """Returns a comment that changes with the versions of the upstream CA's secrets, so that their change restarts the process."""
    return [f"{comment} The upstream CA's secrets are read at the start: {needs.secrets}"] if needs.secrets else []
