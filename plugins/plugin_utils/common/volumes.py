# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds out whether the controller is in a container, and which of its directories are still there when the container is gone."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ansible_collections.spire.fleet.plugins.plugin_utils.common.directories import is_within

#: files that Podman and Docker put into a container
_MARKS = ("run/.containerenv", ".dockerenv")
#: variables of the environment: of Podman and systemd-nspawn, and of every pod of Kubernetes
_VARIABLES = ("container", "KUBERNETES_SERVICE_HOST")
#: the directory of the artefacts of a job, two levels below the job's own directory, which ansible-runner names in the environment
_ARTIFACTS = "AWX_ISOLATED_DATA_DIR"
#: types of file systems that end with the container
_TRANSIENT = ("overlay", "fuse.fuse-overlayfs", "aufs", "tmpfs", "ramfs", "proc", "sysfs")
#: types of a whole disk. A virtual machine that was made of a container's image has the mark of the container, and a disk as its root.
_DISKS = ("ext3", "ext4", "xfs", "btrfs")
#: volumes that end with a pod, or with a container that is removed: an emptyDir of Kubernetes, and a volume without a name
_UNNAMED = re.compile(r"/kubernetes\.io~empty-dir/|/volumes/[0-9a-f]{64}(/_data)?(/|\Z)")
_ESCAPED = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True)
class Mount:
    """A line of /proc/self/mountinfo: what is mounted, where, and the type of the file system."""

    root: str
    point: str
    type: str


@dataclass(frozen=True)
class Container:
    """The container that Ansible runs in."""

    mounts: tuple[Mount, ...]
    #: the directory of the job, which AWX removes; empty where no job runs
    job: str = ""

    def loses(self, path: str) -> bool:
        """Whether a file or directory is gone with the container, because it is in no volume. ``path`` is absolute and has no links."""
        holding = [mount for mount in self.mounts if is_within(path, (mount.point,))]
        # Of several mounts on one place, the last one hides the others.
        found = max(enumerate(holding), key=lambda item: (len(item[1].point), item[0]), default=(0, None))[1]
        if found is None or found.type in _TRANSIENT or _UNNAMED.search(found.root):
            return True
        if found.point == "/":
            return found.root != "/" or found.type not in _DISKS
        return bool(self.job) and is_within(self.job, (found.point,))


def current(environ: Mapping[str, str] | None = None, root: str = "/") -> Container | None:
    """Returns the container that this process runs in; None outside of one."""
    given = os.environ if environ is None else environ
    if not any(given.get(name) for name in _VARIABLES) and not any(Path(root, mark).exists() for mark in _MARKS):
        return None
    try:
        text = Path(root, "proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return None
    artifacts = given.get(_ARTIFACTS, "")
    return Container(parsed(text), str(PurePosixPath(artifacts).parent.parent) if artifacts else "")


def parsed(text: str) -> tuple[Mount, ...]:
    """Returns the mounts that the text of a mountinfo file lists."""
    found = []
    for line in text.splitlines():
        fields, _dash, rest = line.partition(" - ")
        columns = fields.split()
        if len(columns) > 4 and rest:
            found.append(Mount(_plain(columns[3]), _plain(columns[4]), rest.split()[0]))
    return tuple(found)


def _plain(field: str) -> str:
    """Returns a field without the kernel's escapes for blanks and the like."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 8)), field)
