# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Removes paths, creates directories and writes files of a server or an agent, in one call."""

from __future__ import annotations

import subprocess
from typing import Any, Callable, Dict, Sequence, Tuple

from ansible_collections.spire.fleet.plugins.module_utils.host import atomic_file, directories

#: the options of the module's task; the action plugin adds the specification
ARGUMENTS: Dict[str, Dict[str, Any]] = {
    "component": {"type": "str", "choices": ["server", "agent"], "required": True},
    "machine": {"type": "str", "default": ""},
    "absent": {"type": "list", "elements": "path", "default": []},
    "directories": {"type": "list", "elements": "path", "default": []},
    "files": {"type": "list", "elements": "str", "default": []},
    "still_delivered": {"type": "list", "elements": "path", "default": []},
}
#: the plugins that SPIRE starts for the check may call services of a cloud
VALIDATE_SECONDS = 300


class ComponentFilesError(Exception):
    """Something could not be written or removed. The message has no content of a file; ``said`` is what a program said, which may have one."""

    def __init__(self, message: str, said: str = "") -> None:
        super().__init__(message)
        self.said = said


def apply(spec: Dict[str, Any], labelled: Callable[[str, bool], bool]) -> bool:
    """Does what the specification says, and returns whether anything was changed; raises ComponentFilesError.

    ``labelled`` gives a path its SELinux context and returns whether the path was changed, by itself or by the caller.
    """
    try:
        changed = [directories.remove(path) for path in spec["absent"]]
        for one in spec["directories"]:
            made = directories.ensure(one["path"], *_owner(one), mode=int(one["mode"], 8), follow=one["follow"])
            changed.append(labelled(one["path"], made))
        for one in spec["files"]:
            if one["validate"]:
                _validate(one)
            changed.append(labelled(one["path"], _write(one, one["path"])))
    except (atomic_file.SecretFileError, directories.DirectoryError) as exc:
        raise ComponentFilesError("%s." % exc) from exc
    return any(changed)


def _write(one: Dict[str, Any], path: str) -> bool:
    return atomic_file.write(path, one["content"].encode(), *_owner(one), mode=int(one["mode"], 8))


def _validate(one: Dict[str, Any]) -> None:
    """Has a program validate the new content beside the old file; raises ComponentFilesError if it refuses it."""
    _write(one, one["candidate"])
    try:
        refusal = _refusal(one["validate"])
    finally:
        directories.remove(one["candidate"])
    if refusal:
        raise ComponentFilesError("SPIRE refuses the new configuration, so %s stays as it is" % one["path"], refusal)


def _refusal(argv: Sequence[str]) -> str:
    """Returns what a program says that fails; empty where it succeeds."""
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=VALIDATE_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return "its check did not end within %d seconds" % VALIDATE_SECONDS
    except OSError as exc:
        return "its check can't be run: %s" % exc.strerror
    said = done.stdout.decode("utf-8", "replace").strip()
    return "" if done.returncode == 0 else said or "its check ended with the status %d and said nothing" % done.returncode


def _owner(one: Dict[str, Any]) -> Tuple[int, int]:
    """Returns the numbers of the owner and the group, -1 where none is named."""
    try:
        return atomic_file.numbers(one["owner"], one["group"])
    except KeyError as exc:
        raise ComponentFilesError("%s can't be given to its owner: %s." % (one["path"], exc.args[0])) from exc
