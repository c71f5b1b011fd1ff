# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the programs that a quickstart needs: SPIRE's, and a Python with Ansible and supervisor."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from .place import Place, write
from .stop import NO_SPIRE, Stop

INSTALLED = Path("/opt/spire")
NAMES = ("spire-server", "spire-agent")
#: the first release whose agent prints SVIDs as JSON
OLDEST = (1, 6, 0)
IMPORTS = "import ansible, cryptography, supervisor"
COMMANDS = ("ansible-playbook", "supervisord", "supervisorctl")


def find_spire(environ: Mapping[str, str], kept: str = "") -> tuple[str, str]:
    """Returns the directory of SPIRE's programs and their version; empty strings where they are not found.

    Where SPIRE_BIN_DIR is set, no other directory is searched, so that a typing error raises Stop.
    """
    given = environ.get("SPIRE_BIN_DIR", "")
    if given:
        directory = os.path.abspath(os.path.expanduser(given))
        missing = [name for name in NAMES if not _program(Path(directory) / name)]
        if missing:
            raise Stop(f"SPIRE_BIN_DIR is {directory}, and no program {' and no '.join(missing)} is in it.", NO_SPIRE)
        version = version_of(directory)
        if _key(version) < OLDEST:
            state = f"are of SPIRE {version}" if version else "do not run on this machine"
            raise Stop(
                f"The programs in SPIRE_BIN_DIR ({directory}) {state}; the quickstart needs "
                f"{'.'.join(map(str, OLDEST))} or newer, built for this machine.",
                NO_SPIRE,
            )
        return directory, version
    for directory in _places(environ, kept):
        if all(_program(Path(directory) / name) for name in NAMES):
            version = version_of(directory)
            if _key(version) >= OLDEST:
                return directory, version
    return "", ""


def _places(environ: Mapping[str, str], kept: str) -> Iterator[str]:
    if kept:
        yield kept
    for directory in environ.get("PATH", "").split(os.pathsep):
        if directory:
            yield os.path.abspath(directory)
    found = (path for path in INSTALLED.glob("*/bin") if _key(path.parent.name))
    yield from map(str, sorted(found, key=lambda path: _key(path.parent.name), reverse=True))


def _key(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split("."))) if re.fullmatch(r"\d+\.\d+\.\d+", version) else ()


def _program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def version_of(directory: str) -> str:
    """Returns the version that both programs print; empty where they differ or can't run."""
    found = set()
    for name in NAMES:
        try:
            done = subprocess.run(
                [os.path.join(directory, name), "--version"], capture_output=True, text=True, timeout=30, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        match = re.match(r"\s*(\d+\.\d+\.\d+)", done.stdout + done.stderr)
        found.add(match.group(1) if match else "")
    return found.pop() if len(found) == 1 else ""


def find_python(place: Place, environ: Mapping[str, str]) -> str:
    """Returns a Python that has all packages: QUICKSTART_PYTHON, or the one of the quickstart's virtual environment."""
    given = environ.get("QUICKSTART_PYTHON", "")
    if given:
        python = shutil.which(os.path.expanduser(given)) or given
        if not _complete(python):
            raise Stop(
                f"QUICKSTART_PYTHON is {given}, which lacks some of ansible-core, cryptography and supervisor. "
                "Install them there, or leave QUICKSTART_PYTHON out: a virtual environment is made then."
            )
        return os.path.abspath(python)
    return _own_python(place)


def _complete(python: str) -> bool:
    if any(not _program(Path(python).parent / name) for name in COMMANDS):
        return False
    return subprocess.run([python, "-c", IMPORTS], capture_output=True, check=False).returncode == 0


def _own_python(place: Place) -> str:
    python = place.venv / "bin" / "python"
    requirements = Path(__file__).with_name("requirements.txt")
    stamp = place.venv / "installed.txt"
    wanted = requirements.read_text(encoding="utf-8")
    # The stamp is written last, so an interrupted installation is repeated. A base Python that was removed is noticed too.
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted and _program(python):
        return str(python)
    print("  · Ansible and supervisor, into a virtual environment (once)", flush=True)
    made = [sys.executable, "-m", "venv", "--clear", str(place.venv)]
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(requirements)]
    for command, remedy in (
        (made, "On Debian and Ubuntu, the package python3-venv is needed."),
        (pip, "Without PyPI, name a mirror in PIP_INDEX_URL, or in QUICKSTART_PYTHON a Python that has these packages."),
    ):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            output = "\n".join(f"    {line}" for line in done.stdout.strip().splitlines()[-5:])
            raise Stop(f"The virtual environment {place.venv} can't be made:\n{output}\n{remedy}")
    write(stamp, wanted)
    return str(python)
