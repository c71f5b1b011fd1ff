# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the definitions of services have in common, whichever service manager there is."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from ansible_collections.spire.fleet.plugins.plugin_utils.host.paths import Paths

MANAGED = "# Managed by spire.fleet. Changes made here are reported, and undone by the next run."


@dataclasses.dataclass(frozen=True)
class Needs:
    """What the configured plugins ask of the sandbox."""

    user: str
    binary: str
    start_timeout: int
    #: directories besides the data directory that the process writes to
    persistent_write_dirs: tuple[str, ...] = ()
    #: directories under /run, which are gone after a reboot
    runtime_write_dirs: tuple[str, ...] = ()
    #: why the process must be root; empty when it need not
    root_reasons: tuple[str, ...] = ()
    privileged_port: bool = False
    tpm: bool = False
    home: str = "yes"
    environment: bool = False
    #: binaries of external plugins
    plugins: tuple[str, ...] = ()
    #: versions of secrets in AWS that are read at the start alone
    secrets: str = ""
    #: certificates that are read at the start alone
    stamped: tuple[str, ...] = ()
    #: services that it needs
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
