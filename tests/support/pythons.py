# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finds the Python interpreters of this machine, for tests of code that runs on hosts with older ones.

`python -m tests.support.pythons --link DIR` links them into DIR, for a PATH on which each pythonX.Y works: pyenv's shims
are on PATH for every version it has, and fail for those that are not switched on.
"""

from __future__ import annotations

import argparse
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

# The versions that ansible-test and the collection support. A host may have any of them.
VERSIONS = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14")


def _candidates(version: str) -> Iterator[Path]:
    for directory in os.get_exec_path():
        yield Path(directory) / f"python{version}"
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}"))


def _works(python: Path, version: str) -> bool:
    """Whether an interpreter has this version and can make virtual environments; Debian's python3 can't without its venv package."""
    if not os.access(python, os.X_OK):
        return False
    code = "import sys, ensurepip, venv; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([str(python), "-c", code], capture_output=True, text=True, timeout=60, check=False)
    except OSError:
        return False
    return done.returncode == 0 and done.stdout.strip() == version


def find_pythons(versions: tuple[str, ...] = VERSIONS) -> dict[str, Path]:
    """Returns the first working interpreter of each version that this machine has."""
    found: dict[str, Path] = {}
    for version in versions:
        python = next((path for path in _candidates(version) if _works(path, version)), None)
        if python is not None:
            found[version] = python
    return found


def link_pythons(directory: Path) -> None:
    """Fills `directory` with a starter pythonX.Y for each interpreter found."""
    directory.mkdir(parents=True, exist_ok=True)
    for version, python in find_pythons().items():
        starter = directory / f"python{version}"
        # The starter is no symlink, because the interpreter of a virtual environment finds its packages by its own path.
        starter.write_text(f'#!/bin/sh\nexec "{python}" "$@"\n', encoding="utf-8")
        starter.chmod(0o755)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--link", type=Path, required=True, metavar="DIR")
    link_pythons(parser.parse_args().link)
