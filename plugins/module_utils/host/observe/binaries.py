# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Observes SPIRE's programs and the binaries of external plugins on a host."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Dict, List, Optional

from ansible_collections.spire.fleet.plugins.module_utils.host import programs, release_manifest
from ansible_collections.spire.fleet.plugins.module_utils.host.observe import files


def release(asked: Optional[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """Lists how an installed release differs from the one that was placed; empty where no release is asked for."""
    if not asked:
        return []
    found = release_manifest.differences(asked["root"], asked["version"], asked["names"])
    return [{"text": difference.text, "replaces": difference.replaces} for difference in found]


def binary(path: str, probe: bool) -> Dict[str, Any]:
    """Returns a program's architecture and, with ``probe``, its version; empty texts where they can't be read.

    The controller decides what it means that a value is empty.
    """
    found: Dict[str, Any] = {"exists": os.path.isfile(path), "version": "", "machine": ""}
    if not found["exists"]:
        return found
    try:
        with open(path, "rb") as file:
            found["machine"] = programs.elf_machine(file.read(20), path)
    except (OSError, programs.ReleaseError):
        # The file may be a script that runs the program.
        pass
    if probe:
        found["version"] = _version(path)
    return found


def _version(path: str) -> str:
    """Returns the version that a program prints; empty where it prints none."""
    # These modules take time to import, and few hosts need them.
    from ansible_collections.spire.fleet.plugins.module_utils.spire.cli import SpireCliError
    from ansible_collections.spire.fleet.plugins.module_utils.spire.server_cli import SpireServer

    try:
        return SpireServer(path, "").version()
    except (OSError, SpireCliError):
        return ""


def plugin(asked: Dict[str, Any], user: str) -> Dict[str, Any]:
    """Observes the binary of an external plugin. ``other`` is its digest where that is not the one asked for.

    A binary that the collection has placed has a manifest, so it is read only if its size, times or owner differ from that.
    """
    path, wanted = asked["path"], asked["sha256"]
    found: Dict[str, Any] = {"path": path, "exists": os.path.isfile(path), "release": [], "other": "", "machine": "", "runs": False}
    found["data_file"] = not asked["data_file"] or os.path.isfile(asked["data_file"])
    if asked["root"]:
        found["release"] = release({**asked, "names": [asked["name"]]})
        placed = release_manifest.read_manifest(asked["root"], asked["version"]).get(asked["name"], {}).get("sha256", "")
        found["other"] = placed if placed != wanted else ""
        return found
    if not found["exists"]:
        return found
    try:
        digest = programs.file_digest(Path(path))
        found["other"] = digest if wanted and digest != wanted else ""
        with open(path, "rb") as file:
            found["machine"] = programs.elf_machine(file.read(20), path)
    except OSError as exc:
        found["other"] = "of a file that can not be read (%s)" % exc.strerror
    except programs.ReleaseError:
        # The plugin may be a script.
        pass
    found["runs"] = not files.denied([path], os.X_OK, user)
    return found
