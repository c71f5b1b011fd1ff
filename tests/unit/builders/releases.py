# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds releases of SPIRE in a directory or an archive, with programs that pass for SPIRE's when they are installed."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.spire.fleet.plugins.module_utils.host import release_manifest
from ansible_collections.spire.fleet.plugins.module_utils.host.programs import machine
from ansible_collections.spire.fleet.plugins.module_utils.host.release_archive import Source
from ansible_collections.spire.fleet.plugins.module_utils.host.release_installer import Outcome, Owner, ReleaseInstaller
from ansible_collections.spire.fleet.plugins.module_utils.spire.cli import Completed

NAMES = ["spire-server", "spire-agent"]
NUMBERS = {"x86_64": 62, "aarch64": 183, "i686": 3, "s390x": 22, "ppc64le": 21, "riscv64": 243, "armv7l": 40}


def program(version: str = "1.15.3", built_for: str = "", salt: str = "") -> bytes:
    """Returns the beginning of an ELF file that passes the checks, followed by the version that it prints."""
    number = NUMBERS[built_for or machine()]
    return b"\x7fELF\x02\x01" + bytes(12) + number.to_bytes(2, "little") + bytes(40) + f"|{version}|{salt}".encode()


def printed(argv: Any, stdin: str, timeout: float) -> Completed:
    """Returns what such a program prints."""
    assert os.access(argv[0], os.X_OK)
    return Completed(0, "", Path(argv[0]).read_bytes().split(b"|")[1].decode() + "\n")


def directory(tmp_path: Path, **changes: bytes) -> Path:
    """Writes an unpacked release; ``changes`` are other contents of its programs."""
    path = tmp_path / "src"
    (path / "bin").mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        (path / "bin" / name).write_bytes(changes.get(name.replace("-", "_"), program(salt=name)))
    return path


def archive(tmp_path: Path, source: Path, top: str = "spire-1.15.3") -> Path:
    """Writes the same release as an archive."""
    path = tmp_path / "spire.tar.gz"
    with tarfile.open(path, "w:gz") as out:
        out.add(source, top)
    return path


def verify(root: Path, version: str, names: list[str]) -> list[str]:
    """Lists how a release differs from what was placed there."""
    return [difference.text for difference in release_manifest.differences(root, version, names)]


def place(
    root: Path, src: Path | None, version: str = "1.15.3", check: bool = False, link: str | None = "server-main",
    replace: Callable[[Path, Path], None] = os.replace, names: list[str] | None = None,
) -> Outcome:
    """Installs a release, or goes back to an installed one where ``src`` is None."""
    placer = ReleaseInstaller(root, version, names or NAMES, Owner(mode=0o755), printed, replace)
    source = Source(src, version, names or NAMES) if src else None
    return placer.place(source, root / link if link else None, check)


def snapshot(path: Path) -> dict[str, Any]:
    """Returns the inode and the times of everything below a directory."""
    if not path.exists():
        return {}
    return {
        str(one.relative_to(path)): (one.lstat().st_ino, one.lstat().st_mtime_ns, one.lstat().st_ctime_ns)
        for one in sorted([path, *path.rglob("*")])
    }
