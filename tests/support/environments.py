# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes virtual environments, and keeps them until what they hold changes."""

from __future__ import annotations

import fcntl
import subprocess
from pathlib import Path


class NotMade(Exception):
    """A virtual environment could not be made; the message says why."""


def made(directory: Path, python: Path, *packages: str, requirements: Path | None = None) -> Path:
    """Returns the interpreter of a virtual environment with these packages and those of a file; it is made anew when one of them changes."""
    wanted = "\n".join([str(python), *packages, requirements.read_text(encoding="utf-8") if requirements else ""])
    inside, stamp = directory / "bin" / "python", directory / "installed.txt"
    directory.parent.mkdir(parents=True, exist_ok=True)
    with directory.with_name(f"{directory.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
            _run(str(python), "-m", "venv", "--clear", str(directory))
            listed = ["--requirement", str(requirements)] if requirements else []
            _run(str(inside), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages, *listed)
            stamp.write_text(wanted, encoding="utf-8")
    return inside


def _run(*command: str) -> None:
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise NotMade(f"{' '.join(command)} failed: {done.stderr.strip()[-400:]}")
