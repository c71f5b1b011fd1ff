# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks systemd, and other programs of the host, about a service."""

from __future__ import annotations

import subprocess

TIMEOUT = 30


def output(argv: list[str]) -> str:
    """Returns what a command prints; empty where the command is missing, hangs or prints nothing."""
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace")


def show(unit: str, *properties: str) -> dict[str, str]:
    """Returns these properties of a unit. A property that systemd does not print is left out."""
    shown = output(["systemctl", "show", "--no-pager", "--property=" + ",".join(properties), unit])
    return dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
