# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures what a command costs."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """What a command and its child processes used: seconds of the clock and of the CPU, and the bytes of the largest of them."""

    seconds: float
    cpu: float
    bytes: int
    output: str


def measured(argv: list[str], directory: Path, environment: Mapping[str, str]) -> Cost:
    """Runs a command to its end, and returns its cost. A failure ends the bench."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        started = time.monotonic()
        process = subprocess.Popen(argv, env=dict(environment), cwd=directory, stdout=output, stderr=subprocess.STDOUT)
        status, used = os.wait4(process.pid, 0)[1:]
        seconds = time.monotonic() - started
        output.seek(0)
        text = output.read()
    if status:
        raise SystemExit(f"bench: {' '.join(argv)} failed:\n{text[-4000:]}")
    return Cost(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024, text)
