# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SPIRE's programs in versioned directories: what is installed, whether it is undamaged, and what nothing uses any more.

A release is `<root>/<version>/bin/<name>` with a manifest beside it, which is written last. A process that is killed at
any moment leaves the old or the new program in each place, and a manifest that does not match reveals it.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import stat
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, Sequence

from ansible_collections.spire.fleet.plugins.module_utils.host.programs import file_digest

MANIFEST = ".manifest.json"
STAGING = ".fleet-staging-"
LINK_TEMPORARY = ".fleet-link-"


def facts(path: Path, sha256: str) -> dict[str, Any]:
    """Returns what the manifest records of a file."""
    found = path.stat()
    return {
        "sha256": sha256, "size": found.st_size, "mtime_ns": found.st_mtime_ns, "ctime_ns": found.st_ctime_ns,
        "inode": found.st_ino, "uid": found.st_uid, "gid": found.st_gid, "mode": f"{stat.S_IMODE(found.st_mode):04o}",
    }


def read_manifest(root: str | Path, version: str) -> dict[str, dict[str, Any]]:
    """Returns the manifest of a release; empty where it is missing or damaged."""
    try:
        found = json.loads((Path(root) / version / MANIFEST).read_text())
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: value for name, value in found.items() if isinstance(value, dict) and "sha256" in value}


@dataclass(frozen=True)
class Difference:
    """One difference between a program and how it was placed."""

    name: str
    text: str
    #: whether the program must be placed anew; a wrong owner or mode is corrected without that
    replaces: bool = True


def differences(root: str | Path, version: str, names: Sequence[str]) -> Iterator[Difference]:
    """Yields how a release differs from what was placed there. A file is read only where its size, times or owner differ."""
    manifest = read_manifest(root, version)
    for name in names:
        path = Path(root) / version / "bin" / name
        wanted = manifest.get(name)
        try:
            link = stat.S_ISLNK(path.lstat().st_mode)
        except OSError:
            yield Difference(name, f"{path} does not exist")
            continue
        if wanted is None:
            yield Difference(name, f"{path} is not in {path.parent.parent / MANIFEST}")
            continue
        if link or not path.is_file():
            yield Difference(name, f"{path} is no regular file")
            continue
        found = facts(path, wanted["sha256"])
        if found == wanted:
            continue
        if found["size"] != wanted.get("size") or file_digest(path) != wanted["sha256"]:
            yield Difference(name, f"{path} was changed after it had been placed")
        for key in ("uid", "gid", "mode"):
            if found[key] != wanted.get(key):
                yield Difference(name, f"{path} has {key} {found[key]}, it was placed with {wanted.get(key)}", replaces=False)


def unused_plugins(root: Path, texts: Sequence[str]) -> list[Path]:
    """Lists the versions of external plugins that none of these configurations names."""
    placed = sorted(path.parent for path in (root / "plugins").glob(f"*/*/{MANIFEST}"))
    return [path for path in placed if not any(f"{path}/bin/" in text for text in texts)]


def remove_empty(path: Path, root: Path) -> None:
    """Removes the directories above a removed version that are empty now."""
    while path != root and not any(path.iterdir()):
        path.rmdir()
        path = path.parent


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Holds a lock on the directory, because several instances on one machine may be installed at the same time."""
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def temporary_files(root: Path) -> list[Path]:
    """Lists the temporary files of a run that was killed."""
    if not root.is_dir():
        return []
    return sorted(path for path in root.iterdir() if path.name.startswith((STAGING, LINK_TEMPORARY)))


def unused(root: Path, gone: Sequence[Path] = ()) -> list[Path]:
    """Lists the versions with a manifest that no link in the same directory points to."""
    if not root.is_dir():
        return []
    used = {path.resolve() for path in root.iterdir() if path.is_symlink() and path not in gone}
    return sorted(
        path for path in root.iterdir()
        if path.is_dir() and not path.is_symlink() and (path / MANIFEST).is_file() and path.resolve() not in used
    )


def prune(root: Path, configurations: Path, gone: Sequence[Path] = (), check: bool = False) -> list[Path]:
    """Removes the versions that nothing uses, and returns them. Links and configurations in ``gone`` count as removed already.

    Raises OSError with the file that could not be read or removed.
    """
    if not root.exists():
        return []
    # The lock covers the decision as well: another instance may be switching its link, or pruning, at this moment.
    with locked(root):
        found = [*unused(root, gone), *unused_plugins(root, list(_texts(configurations, gone)))]
        for path in () if check else found:
            shutil.rmtree(path)
            remove_empty(path.parent, root)
    return found


def _texts(configurations: Path, gone: Sequence[Path]) -> Iterator[str]:
    for path in sorted(configurations.glob("*/*.conf")):
        # Another instance may be removing its configuration at this moment, without the lock.
        with suppress(FileNotFoundError):
            if path not in gone:
                yield path.read_text(errors="replace")
