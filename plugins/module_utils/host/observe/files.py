# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Observes files, directories, users and what an interrupted run has left on a host."""

from __future__ import annotations

import base64
import grp
import os
import pwd
import stat
from pathlib import Path
from typing import Any, Dict, List

from ansible_collections.spire.fleet.plugins.module_utils.host import temporary_files as temporary

#: the kernel's number of a user and a group that own nothing
NOBODY = 65534


def temporary_files(spec: Dict[str, Any]) -> List[str]:
    """Lists what an interrupted run has left: files that one run needs, and new contents beside the files that they were for."""
    found = [path for path in spec["temporary_files"] if os.path.lexists(path)]
    written = [*spec["files"].values(), *(key["path"] for key in spec["keys"].values()), *spec["temporary_files"], *spec["obsolete_files"]]
    return found + [str(one) for path in written for one in temporary.beside(Path(path))]


def file(path: str, content: bool) -> Dict[str, Any]:
    """Returns the owner, the group, the mode and, where it is asked for, the content of a file or directory."""
    try:
        info = os.stat(path)
    except OSError:
        return {"exists": False}
    found: Dict[str, Any] = {
        "exists": True,
        "mode": "%04o" % stat.S_IMODE(info.st_mode),
        "owner": _name(pwd.getpwuid, info.st_uid),
        "group": _name(grp.getgrgid, info.st_gid),
        "directory": stat.S_ISDIR(info.st_mode),
        "link": os.path.islink(path),
    }
    if content and stat.S_ISREG(info.st_mode):
        try:
            with open(path, "rb") as opened:
                found["content"] = base64.b64encode(opened.read()).decode()
        except OSError:
            # The file can't be read because of its mode. That mode is reported as a difference, because no planned mode has this effect.
            pass
    return found


def impassable(paths: List[str], user_name: str) -> List[Dict[str, Any]]:
    """Returns the directories that the user can't go through; of several within each other only the uppermost.

    The system itself answers, so that access lists count. ``paths`` has the upper directories first.
    """
    found: List[Dict[str, Any]] = []
    for path in denied([path for path in paths if os.path.isdir(path)], os.X_OK, user_name):
        if not any(path.startswith(above["path"] + "/") for above in found):
            found.append({"path": path, **file(path, content=False)})
    return found


def denied(paths: List[str], access: int, user_name: str) -> List[str]:
    """Returns the paths to which the user has not this access, such as os.R_OK.

    The system answers in a child process that has become the user; only root can become another one.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            if os.geteuid() == 0 and user_name:
                _become(user_name)
            os.write(writer, "\0".join(path for path in paths if not os.access(path, access)).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as answer:
        text = answer.read().decode()
    os.waitpid(child, 0)
    return [path for path in text.split("\0") if path]


def _become(user_name: str) -> None:
    """Takes the user's identity; one who does not exist yet has the rights of everybody, and those of the group of the same name."""
    try:
        entry = pwd.getpwnam(user_name)
        uid, gid, groups = entry.pw_uid, entry.pw_gid, os.getgrouplist(user_name, entry.pw_gid)
    except KeyError:
        uid, gid, groups = NOBODY, _group(user_name), []
    os.setgroups(groups)
    os.setgid(gid)
    os.setuid(uid)


def _group(name: str) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return NOBODY


def readable(paths: List[str]) -> Dict[str, str]:
    """Returns the modes of the files that every user of the host can read: by their own mode and through all directories above."""
    found = {}
    for path in paths:
        try:
            info = os.stat(path)
        except OSError:
            continue
        if stat.S_ISREG(info.st_mode) and info.st_mode & stat.S_IROTH and not _behind_private_directory(path):
            found[path] = "%04o" % stat.S_IMODE(info.st_mode)
    return found


def _behind_private_directory(path: str) -> bool:
    """Whether a directory above the file denies other users the way to it."""
    directory = os.path.dirname(os.path.realpath(path))
    while os.stat(directory).st_mode & stat.S_IXOTH:
        if directory == "/":
            return False
        directory = os.path.dirname(directory)
    return True


def user(name: str) -> Dict[str, Any]:
    """Whether the user, and the group of the same name, exist."""
    try:
        pwd.getpwnam(name)
    except KeyError:
        return {"exists": False, "group": False}
    try:
        grp.getgrnam(name)
    except KeyError:
        return {"exists": True, "group": False}
    return {"exists": True, "group": True}


def _name(lookup: Any, number: int) -> str:
    """Returns the name of a user or group, or its number where it has no name."""
    try:
        return str(lookup(number)[0])
    except KeyError:
        return str(number)
