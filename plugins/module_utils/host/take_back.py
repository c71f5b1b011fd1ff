# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Takes a change back whose service does not become healthy: puts the kept files back and starts what ran before."""

from __future__ import annotations

from typing import Callable, Sequence

from ansible_collections.spire.fleet.plugins.module_utils.host import kept_files, systemd
from ansible_collections.spire.fleet.plugins.module_utils.host.health import NotHealthy

#: what a server logs whose datastore was migrated by a newer release (pkg/server/datastore/sqlstore/migration.go, v1.15.3)
MIGRATED = "DB schema is too new"


def take_back(directory: str, restart: Callable[[], None], wait: Callable[[], object], name: str) -> str:
    """Returns what was done about a change that did not start, as sentences for its message; empty where no files were kept."""
    try:
        restored = kept_files.restore(directory)
    except kept_files.KeptFilesError as exc:
        return f"The change could not be taken back: {exc}. The files that ran before are in {directory}."
    if not restored:
        return ""
    put_back = f"The change was taken back: {', '.join(restored)} {'is' if len(restored) == 1 else 'are'} as before"
    restart()
    try:
        wait()
    except NotHealthy as exc:
        if any(MIGRATED in line for line in exc.log):
            return (
                f"{put_back}, but the old release can't use the datastore any more, because the new release has migrated it. Correct what kept "
                "the new release from starting, and run again; or restore a backup of the datastore."
            )
        return f"{put_back}, but what ran before does not start any more either: {exc.report(name)}"
    return f"{put_back}, and the service runs again as it did before this run."


def restart_unit(unit: str) -> None:
    """Restarts a unit of systemd after its file may have changed. The wait that follows finds out whether it starts."""
    systemd.output(["systemctl", "daemon-reload"])
    systemd.output(["systemctl", "restart", "--no-block", unit])


def restart_program(supervisorctl: Sequence[str], program: str) -> None:
    """Restarts a program of supervisor after its definition may have changed."""
    systemd.output([*supervisorctl, "update", program])
    systemd.output([*supervisorctl, "restart", program])
