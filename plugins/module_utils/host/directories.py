# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Creates directories with an owner and a mode, and removes whatever is at a path."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat


class DirectoryError(Exception):
    """A directory could not be created, or a path could not be removed."""


def ensure(path: str, uid: int = -1, gid: int = -1, mode: int = 0o755, follow: bool = True) -> bool:
    """Creates a directory, or corrects its owner and mode. Returns whether anything was changed.

    The directory above it must exist. With ``uid`` or ``gid`` -1, the owner stays as the system or an earlier run has set it. Without ``follow``,
    a symbolic link at the path is an error, since it may lead anywhere.
    """
    made = False
    try:
        with contextlib.suppress(FileExistsError):
            # Nobody else gets in before the directory has its owner.
            os.mkdir(path, 0o700)
            made = True
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW))
        try:
            return _correct(handle, uid, gid, mode) or made
        finally:
            os.close(handle)
    except OSError as exc:
        raise DirectoryError("the directory %s can't be created or changed: %s" % (path, exc.strerror)) from exc


def _correct(handle: int, uid: int, gid: int, mode: int) -> bool:
    found = os.fstat(handle)
    owner = (found.st_uid if uid < 0 else uid, found.st_gid if gid < 0 else gid)
    moved = owner != (found.st_uid, found.st_gid)
    if moved:
        os.fchown(handle, *owner)
    # A change of the owner may clear bits of the mode.
    if moved or stat.S_IMODE(found.st_mode) != mode:
        os.fchmod(handle, mode)
        return True
    return False


def remove(path: str) -> bool:
    """Removes a file, a symbolic link or a directory with all that is in it. Returns whether there was anything."""
    try:
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        elif os.path.lexists(path):
            os.unlink(path)
        else:
            return False
    except FileNotFoundError:
        return False
    except OSError as exc:
        raise DirectoryError("%s can't be removed: %s" % (exc.filename or path, exc.strerror)) from exc
    return True
