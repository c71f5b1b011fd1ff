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
#: holds a link to the work tree, so that every clone acts as the installed collection
COLLECTIONS = REPO / ".config" / "collections"


def make_importable() -> None:
    """Puts the collections path on sys.path, so that `import ansible_collections.spire.fleet...` works."""
    if str(COLLECTIONS) not in sys.path:
        sys.path.insert(0, str(COLLECTIONS))


def export_path() -> None:
    """Lets the ansible commands that tests start find the collection, and keeps the paths that the caller had set."""
    given = os.environ.get("ANSIBLE_COLLECTIONS_PATH", "")
    paths = [part for part in given.split(os.pathsep) if part]
    if str(COLLECTIONS) not in paths:
        os.environ["ANSIBLE_COLLECTIONS_PATH"] = os.pathsep.join([str(COLLECTIONS), *paths])
