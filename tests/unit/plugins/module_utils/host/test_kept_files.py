# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keeps files and puts them back, also after a run that was killed at any moment."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.host import kept_files


@pytest.fixture
def pid() -> Iterator[int]:
    """Yields the number of a process that runs as long as the test."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process.pid
        process.kill()


@pytest.fixture
def paths(tmp_path: Path) -> list[str]:
    """Returns a file, a link and a path where nothing is."""
    (tmp_path / "main.conf").write_text("old, with a secret")
    (tmp_path / "main.conf").chmod(0o640)
    (tmp_path / "link").symlink_to("1.14.7")
    return [str(tmp_path / name) for name in ("main.conf", "link", "main.env")]


def change(tmp_path: Path) -> None:
    """Replaces the file and the link, and makes the file that was not there, as a run does."""
    (tmp_path / "main.conf").write_text("new")
    (tmp_path / "main.conf").chmod(0o600)
    (tmp_path / "link").unlink()
    (tmp_path / "link").symlink_to("1.15.3")
    (tmp_path / "main.env").write_text("A=1")


def test_everything_is_put_back(tmp_path: Path, paths: list[str], pid: int) -> None:
    assert kept_files.keep(tmp_path / "kept", paths, pid)
    change(tmp_path)
    assert kept_files.restore(tmp_path / "kept") == paths
    assert (tmp_path / "main.conf").read_text() == "old, with a secret"
    assert stat.S_IMODE((tmp_path / "main.conf").stat().st_mode) == 0o640
    assert os.readlink(tmp_path / "link") == "1.14.7"
    assert not (tmp_path / "main.env").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "main.conf"]


def test_nobody_else_reads_the_copies(tmp_path: Path, paths: list[str], pid: int) -> None:
    old = os.umask(0)
    try:
        kept_files.keep(tmp_path / "state" / "kept", paths, pid)
    finally:
        os.umask(old)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "state" / "kept").iterdir()}
    assert modes == {"0": 0o600, "index.json": 0o600}
    assert stat.S_IMODE((tmp_path / "state" / "kept").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o755


def test_the_files_of_one_process_are_kept_once(tmp_path: Path, paths: list[str], pid: int) -> None:
    """A killed run has replaced files already; the next one must not take these for those of the running process."""
    kept_files.keep(tmp_path / "kept", paths, pid)
    change(tmp_path)
    assert not kept_files.keep(tmp_path / "kept", paths, pid)
    kept_files.restore(tmp_path / "kept")
    assert (tmp_path / "main.conf").read_text() == "old, with a secret"


def test_another_process_has_other_files(tmp_path: Path, paths: list[str], pid: int) -> None:
    kept_files.keep(tmp_path / "kept", paths, os.getpid())
    change(tmp_path)
    assert kept_files.keep(tmp_path / "kept", paths, pid)
    assert kept_files.restore(tmp_path / "kept") == []


def test_an_incomplete_copy_is_not_used(tmp_path: Path, paths: list[str], pid: int) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "0").write_text("half of a fi")
    assert kept_files.restore(tmp_path / "kept") == []
    assert kept_files.keep(tmp_path / "kept", paths, pid)


def test_what_can_not_be_kept_is_an_error(tmp_path: Path, paths: list[str], pid: int) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(kept_files.KeptFilesError, match=r"^the files of the running service can't be kept in .*/file/kept: "):
        kept_files.keep(tmp_path / "file" / "kept", paths, pid)
