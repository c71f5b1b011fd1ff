# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finds and removes the versions of SPIRE's programs that nothing uses any more, and what a killed run has left beside them."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Iterator, Sequence

from ansible_collections.spire.fleet.plugins.module_utils.host.release_manifest import MANIFEST

STAGING = ".fleet-staging-"
LINK_TEMPORARY = ".fleet-link-"


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
