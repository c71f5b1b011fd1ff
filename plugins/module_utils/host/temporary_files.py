# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finds the temporary files of atomic_file.py. The drift check of every host imports this module, so it imports little itself."""

from __future__ import annotations

from pathlib import Path

TEMPORARY = ".fleet-secret-"


def beside(path: Path) -> list[Path]:
    """Lists the temporary files that a crash left when it wrote this file."""
    prefix = f"{TEMPORARY}{path.name}."
    try:
        return sorted(entry for entry in path.parent.iterdir() if entry.name.startswith(prefix))
    except (FileNotFoundError, NotADirectoryError):
        return []
