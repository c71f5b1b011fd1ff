# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes the work tree importable as the collection, also for ansible-playbook.

Standard library only: the module_utils tests run on interpreters that have nothing but pytest.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
COLLECTIONS = REPO / ".build" / "collections"
NAMESPACE = "spire"
NAME = "fleet"


def link_collection() -> Path:
    """Links the work tree into a collections path and returns that path.

    Several test processes may come here at once, so the link is made under a name of its own and renamed over.
    """
    link = COLLECTIONS / "ansible_collections" / NAMESPACE / NAME
    # The path is relative to the link's directory, so that a moved or copied clone still works.
    target = os.path.relpath(REPO, link.parent)
    if not (link.is_symlink() and os.readlink(link) == target):
        link.parent.mkdir(parents=True, exist_ok=True)
        fresh = link.with_name(f".{NAME}.{os.getpid()}")
        fresh.symlink_to(target)
        fresh.replace(link)
    return COLLECTIONS


def make_importable() -> None:
    """Puts the collections path on sys.path, so that `import ansible_collections.spire.fleet...` works."""
    root = str(link_collection())
    if root not in sys.path:
        sys.path.insert(0, root)


def export_path() -> None:
    """Lets the ansible commands that tests start find the collection, and keeps the paths that the caller had set."""
    given = os.environ.get("ANSIBLE_COLLECTIONS_PATH", "")
    paths = [part for part in given.split(os.pathsep) if part]
    if str(COLLECTIONS) not in paths:
        os.environ["ANSIBLE_COLLECTIONS_PATH"] = os.pathsep.join([str(COLLECTIONS), *paths])
