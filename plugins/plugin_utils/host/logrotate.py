# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the file by which logrotate rotates a component's log file."""

from __future__ import annotations

import dataclasses

from ansible_collections.spire.fleet.plugins.plugin_utils.host.service import MANAGED


@dataclasses.dataclass(frozen=True)
class Rotation:
    """How a log file is rotated."""

    log_file: str
    #: the user that owns the file; empty or root where no other user can change its directory
    user: str
    service: str
    frequency: str
    keep: int
    max_size: str
    #: whether the process opens the file again at SIGUSR2
    reopens: bool


def definition(rotation: Rotation) -> str:
    """Returns the text of the file.

    No line is lost where SPIRE opens the file again: it writes into the old file until then. An earlier release gets a copy, and lines that it
    writes between the copy and the truncation are lost.
    """
    lines = [
        MANAGED,
        f'"{rotation.log_file}" {{',
        f"    {rotation.frequency}",
        f"    maxsize {rotation.max_size}",
        f"    rotate {rotation.keep}",
        "    missingok",
        "    notifempty",
        "    compress",
        "    delaycompress",
    ]
    if rotation.user not in ("", "root"):
        # The service's user owns the directory, so root must not rename files there.
        lines.append(f"    su {rotation.user} {rotation.user}")
    if rotation.reopens:
        lines += [
            "    nocreate",
            "    postrotate",
            f"        systemctl kill --kill-who=main --signal=SIGUSR2 {rotation.service} || true",
            "    endscript",
        ]
    else:
        lines.append("    copytruncate")
    return "\n".join([*lines, "}", ""])
