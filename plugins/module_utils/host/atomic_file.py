# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes files that hold secrets. No other module does.

The file is never readable to other users, not even for a moment, and a run that is interrupted leaves the old or the new file whole.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import stat
from pathlib import Path

from ansible_collections.spire.fleet.plugins.module_utils.host.temporary_files import TEMPORARY, beside


class SecretFileError(Exception):
    """A secret could not be written. The message never holds the secret."""


def write(path: str | Path, content: bytes, uid: int = -1, gid: int = -1, mode: int = 0o600) -> bool:
    """Writes `content` unless the file is already as wanted. Returns whether anything was changed.

    With `uid` or `gid` -1 a new file gets the owner that the system gives it, and an old one keeps its owner.
    """
    path = Path(path)
    if same(path, content, uid, gid, mode):
        return False
    clean(path)
    temporary = path.parent / f"{TEMPORARY}{path.name}.{os.urandom(6).hex()}"
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
            # This comes after the content, because a mode such as 0440 must not prevent writing it.
            os.fchmod(handle, mode)
            os.fsync(handle)
        os.replace(temporary, path)
        sync_directory(path.parent)
    except OSError as exc:
        # Where the temporary file can't be removed either, the first error has the reason.
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise SecretFileError(f"{path} can't be written: {exc.strerror}") from exc
    return True


def numbers(owner: str | None, group: str | None) -> tuple[int, int]:
    """Returns the numbers of an owner and a group, -1 where none is named; raises KeyError for one that the host does not have."""
    return pwd.getpwnam(owner).pw_uid if owner else -1, grp.getgrnam(group).gr_gid if group else -1


def same(path: str | Path, content: bytes, uid: int = -1, gid: int = -1, mode: int = 0o600) -> bool:
    """Whether the path is a regular file with this content, owner and mode."""
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
    """Removes the temporary files that a crash left when it wrote this file, because they may hold the secret."""
    try:
        for entry in beside(path):
            entry.unlink(missing_ok=True)
    except OSError as exc:
        raise SecretFileError(f"{path.parent} can't be cleaned: {exc.strerror}") from exc


def sync_directory(path: str | Path) -> None:
    """Syncs a directory to the disk, so that renames in it survive a power failure."""
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
