# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keeps the files of a running service while a run replaces them, and puts them back where the changed service does not start."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
from pathlib import Path
from typing import Any, Sequence

from ansible_collections.spire.fleet.plugins.module_utils.host import atomic_file

INDEX = "index.json"


class KeptFilesError(Exception):
    """The files can't be kept or put back."""


def keep(directory: str | Path, paths: Sequence[str], pid: int) -> bool:
    """Copies the files, and where symbolic links lead, into a directory that only root reads. Returns whether it did.

    The files of a process are kept once. A run that was killed has replaced some of them, and its successor must not keep the new ones.
    """
    directory, process = Path(directory), [pid, _started(pid)]
    if _index(directory).get("process") == process:
        return False
    remove(directory)
    try:
        _make_parent(directory.parent)
        directory.mkdir(mode=0o700)
        files = [_copy(path, directory / str(number)) for number, path in enumerate(paths)]
        # An index is the sign of a complete copy, so it is written last.
        atomic_file.write(directory / INDEX, json.dumps({"process": process, "files": files}).encode())
    except (OSError, atomic_file.SecretFileError) as exc:
        raise KeptFilesError(f"the files of the running service can't be kept in {directory}: {exc}") from exc
    return True


def restore(directory: str | Path) -> list[str]:
    """Puts the files back and removes the directory. Returns the paths that differed; empty where nothing was kept."""
    restored = []
    try:
        for number, file in enumerate(_index(Path(directory)).get("files", [])):
            if _restore(file, Path(directory) / str(number)):
                restored.append(file["path"])
    except (OSError, atomic_file.SecretFileError) as exc:
        raise KeptFilesError(f"the files in {directory} can't be put back: {exc}") from exc
    remove(directory)
    return restored


def remove(directory: str | Path) -> None:
    """Removes what was kept."""
    shutil.rmtree(directory, ignore_errors=True)


def _make_parent(path: Path) -> None:
    """Creates the directory above the copies, with the mode that a unit's start would give it."""
    if not path.is_dir():
        path.mkdir()
        path.chmod(0o755)


def _index(directory: Path) -> dict[str, Any]:
    try:
        found = json.loads((directory / INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _started(pid: int) -> str:
    """Returns when the process began, in ticks since the machine was started; a number of a process may be used again."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]


def _copy(path: str, copy: Path) -> dict[str, Any]:
    try:
        info = os.lstat(path)
    except FileNotFoundError:
        return {"path": path, "kind": "absent"}
    if stat.S_ISLNK(info.st_mode):
        return {"path": path, "kind": "link", "target": os.readlink(path)}
    atomic_file.write(copy, Path(path).read_bytes())
    return {"path": path, "kind": "file", "uid": info.st_uid, "gid": info.st_gid, "mode": stat.S_IMODE(info.st_mode)}


def _restore(file: dict[str, Any], copy: Path) -> bool:
    """Puts one file back; returns whether it differed."""
    path = Path(file["path"])
    if file["kind"] == "file":
        return atomic_file.write(path, copy.read_bytes(), file["uid"], file["gid"], file["mode"])
    if file["kind"] == "absent":
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
            return True
        return False
    if path.is_symlink() and os.readlink(path) == file["target"]:
        return False
    temporary = path.with_name(f"{atomic_file.TEMPORARY}{path.name}.link")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(file["target"])
    os.replace(temporary, path)
    return True
