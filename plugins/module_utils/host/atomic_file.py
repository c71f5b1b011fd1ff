# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one place that writes a file that holds a secret.

The file is never readable to others, not even for a moment, and is either the old one or the new one.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path

TEMPORARY = ".fleet-secret-"


class SecretFileError(Exception):
    """A secret could not be written; the message never holds it."""


def write(path: str | Path, content: bytes, uid: int = -1, gid: int = -1, mode: int = 0o600) -> bool:
    """Write `content`, unless the file is as wanted already; says whether anything was changed.

    `uid` and `gid` of -1 leave the owner of a new file to the system and that of an old one as it is.
    """
    path = Path(path)
    if same(path, content, uid, gid, mode):
        return False
    clean(path)
    temporary = path.parent / f"{TEMPORARY}{path.name}.{secrets.token_hex(6)}"
    try:
        old = _stat(path)
        if old is not None:
            uid, gid = (old.st_uid if uid < 0 else uid), (old.st_gid if gid < 0 else gid)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as stream:
            if uid >= 0 or gid >= 0:
                os.fchown(handle, uid, gid)
            stream.write(content)
            stream.flush()
            # After the content: a mode such as 0440 must not keep us from writing it.
            os.fchmod(handle, mode)
            os.fsync(handle)
        os.replace(temporary, path)
        sync_directory(path.parent)
    except OSError as exc:
        # What can't be removed either, below a file for example, is told by the first error.
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise SecretFileError(f"{path} can't be written: {exc.strerror}") from exc
    return True


def same(path: str | Path, content: bytes, uid: int = -1, gid: int = -1, mode: int = 0o600) -> bool:
    """Whether the file is a regular one with this content, owner and mode."""
    path = Path(path)
    found = _stat(path)
    if found is None or not stat.S_ISREG(found.st_mode) or stat.S_IMODE(found.st_mode) != mode:
        return False
    if (uid >= 0 and found.st_uid != uid) or (gid >= 0 and found.st_gid != gid) or found.st_size != len(content):
        return False
    try:
        return path.read_bytes() == content
    except OSError as exc:
        raise SecretFileError(f"{path} can't be read: {exc.strerror}") from exc


def clean(path: Path) -> None:
    """Remove what a crash left of writing this file: it may hold the secret."""
    try:
        for entry in temporary_files(path):
            entry.unlink(missing_ok=True)
    except OSError as exc:
        raise SecretFileError(f"{path.parent} can't be cleaned: {exc.strerror}") from exc


def temporary_files(path: Path) -> list[Path]:
    """What a crash left of writing this file."""
    prefix = f"{TEMPORARY}{path.name}."
    try:
        return sorted(entry for entry in path.parent.iterdir() if entry.name.startswith(prefix))
    except (FileNotFoundError, NotADirectoryError):
        return []


def sync_directory(path: str | Path) -> None:
    """Make renames in a directory outlive a power failure."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        raise SecretFileError(f"{path} can't be examined: {exc.strerror}") from exc
