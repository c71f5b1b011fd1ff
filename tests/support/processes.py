# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs SPIRE's processes with rendered configurations, for releases that have other options than those that most tests run."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

SECONDS = 60.0


@contextlib.contextmanager
def running(binary: Path, text: str, name: str, here: Path, *options: str) -> Iterator[Path]:
    """Runs a process with this configuration; yields its log."""
    config, log = here / f"{name}.conf", here / f"{name}.log"
    config.write_text(text)
    with log.open("wb") as output:
        process = subprocess.Popen([str(binary), "run", "-config", str(config), *options], cwd=here, stdout=output, stderr=output)
    try:
        yield log
    finally:
        process.kill()
        process.wait()


def until(what: Callable[[], Any], log: Path) -> Any:
    """Repeats a call until it returns something; returns that."""
    end = time.monotonic() + SECONDS
    while True:
        found = what()
        if found:
            return found
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.2)
