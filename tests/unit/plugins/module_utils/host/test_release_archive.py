# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Releases are read from directories and archives, and anything else is refused before a program is installed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.host.release_archive import ReleaseError, Source
from tests.support.errors import error_of
from tests.unit.builders.releases import NAMES, archive, directory


def test_what_is_missing_is_named_together(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="^/nowhere/spire does not exist$"):
        Source("/nowhere/spire", "1.15.3", NAMES)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ReleaseError, match="empty holds no spire-server and no spire-agent$"):
        Source(tmp_path / "empty", "1.15.3", NAMES)
    src = directory(tmp_path)
    (src / "bin" / "spire-agent").unlink()
    with pytest.raises(ReleaseError, match=r"spire\.tar\.gz holds no spire-agent$"):
        Source(archive(tmp_path, src), "1.15.3", NAMES)


def test_an_archive_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path, directory(tmp_path))
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(ReleaseError, match=r"spire\.tar\.gz is no archive that can be read: "):
        Source(path, "1.15.3", NAMES)


def test_the_archives_checksum_is_held_to(tmp_path: Path) -> None:
    path = archive(tmp_path, directory(tmp_path))
    right = hashlib.sha256(path.read_bytes()).hexdigest()
    Source(path, "1.15.3", NAMES, right.upper())
    wrong = "0" * 64
    assert error_of(ReleaseError, Source, path, "1.15.3", NAMES, wrong) == (
        f"{path} has the SHA-256 checksum {right}, {wrong} was expected; nothing was replaced"
    )


def test_links_in_an_archive_are_not_followed(tmp_path: Path) -> None:
    src = directory(tmp_path)
    (src / "bin" / "spire-agent").unlink()
    (src / "bin" / "spire-agent").symlink_to("/etc/passwd")
    with pytest.raises(ReleaseError, match="holds no spire-agent$"):
        Source(archive(tmp_path, src), "1.15.3", NAMES)
