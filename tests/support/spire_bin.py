# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finds SPIRE's binaries: SPIRE_BIN_DIR, else PATH, else the newest of /opt/spire/*/bin.

Tests never build or download SPIRE; where it is not found they skip, or fail when the tier `real` is required.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

INSTALL_ROOT = Path("/opt/spire")
REMEDY = "set SPIRE_BIN_DIR to a directory that holds spire-server and spire-agent"


def version_key(text: str) -> tuple[int, ...]:
    """Returns a sort key for version directories; names that are no version come first."""
    return tuple(int(part) for part in text.split(".")) if re.fullmatch(r"\d+(\.\d+)*", text) else ()


@lru_cache(maxsize=None)
def binary_version(binary: Path) -> str:
    """Returns the version that a program prints, without its build suffix; empty if the program does not run."""
    try:
        done = subprocess.run([str(binary), "--version"], capture_output=True, text=True, timeout=30, check=False)
    except OSError:
        return ""
    found = re.search(r"\d+\.\d+\.\d+", done.stdout + done.stderr)
    return found.group(0) if found else ""


def bin_dirs() -> Iterator[Path]:
    """Returns the directories to look in, best first. If SPIRE_BIN_DIR is set it is the only one, so that a misspelt one is noticed."""
    given = os.environ.get("SPIRE_BIN_DIR")
    if given:
        yield Path(given)
        return
    on_path = shutil.which("spire-server")
    if on_path:
        yield Path(on_path).resolve().parent
    yield from sorted(INSTALL_ROOT.glob("*/bin"), key=lambda path: version_key(path.parent.name), reverse=True)


def find_spire(name: str = "spire-server", version: str | None = None) -> Path | None:
    """Returns the path of the program `name`, of exactly `version` if one is given; None if there is none.

    A given version is also looked for in VERSION/bin beside those places, so that upgrade tests find older releases.
    """
    places = list(bin_dirs())
    if version is not None:
        places += [place.parent.parent / version / "bin" for place in places]
    for place in places:
        binary = place / name
        if os.access(binary, os.X_OK) and binary.is_file():
            if version is None or binary_version(binary) == version:
                return binary
    return None


def find_bin_dir(version: str | None = None) -> Path | None:
    """Returns the directory that holds both spire-server and spire-agent."""
    server = find_spire("spire-server", version)
    if server is None or not os.access(server.parent / "spire-agent", os.X_OK):
        return None
    return server.parent


def why_missing(name: str = "spire-server", version: str | None = None) -> str:
    """Returns the reason for skipping a tier or a test."""
    wanted = f"{name} {version}" if version else name
    given = os.environ.get("SPIRE_BIN_DIR")
    where = f" in SPIRE_BIN_DIR ({given})" if given else ""
    return f"no {wanted} found{where}, {REMEDY}"


def find_versions() -> dict[str, Path]:
    """Returns every version of SPIRE on this machine with the directory of its programs; the one that tests use comes first."""
    first = find_bin_dir()
    if first is None:
        return {}
    found = {binary_version(first / "spire-server"): first}
    for place in [*sorted(first.parent.parent.glob("*/bin")), *sorted(INSTALL_ROOT.glob("*/bin"))]:
        if all(os.access(place / name, os.X_OK) for name in ("spire-server", "spire-agent")):
            found.setdefault(binary_version(place / "spire-server"), place.resolve())
    found.pop("", None)
    return found
