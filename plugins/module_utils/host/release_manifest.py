# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compares SPIRE's programs with the manifest that was written when they were placed.

A release is `<root>/<version>/bin/<name>` with a manifest beside it, which is written last. A process that is killed at
any moment leaves the old or the new program in each place, and a manifest that does not match reveals it. The drift check
of every host imports this module, so it imports little itself.
"""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any, Iterator, NamedTuple, Sequence

from ansible_collections.spire.fleet.plugins.module_utils.host.programs import file_digest

MANIFEST = ".manifest.json"


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


class Difference(NamedTuple):
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
