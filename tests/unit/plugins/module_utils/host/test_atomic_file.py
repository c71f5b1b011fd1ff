# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.host import atomic_file
from tests.support.errors import error_of

SECRET = b"planted-secret-5d2c1f6e"


def test_a_secret_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "token"
    assert atomic_file.write(path, SECRET)
    assert path.read_bytes() == SECRET
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    inode = path.stat().st_ino
    assert not atomic_file.write(path, SECRET)
    assert path.stat().st_ino == inode
    assert [one.name for one in tmp_path.iterdir()] == ["token"]


@pytest.mark.parametrize("umask", [0o000, 0o777])
def test_the_file_is_private_from_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, umask: int) -> None:
    modes: list[int] = []
    write = os.fchmod

    def fchmod(handle: int, mode: int) -> None:
        # The file has its content at this time.
        modes.append(stat.S_IMODE(os.fstat(handle).st_mode))
        write(handle, mode)

    monkeypatch.setattr(os, "fchmod", fchmod)
    old = os.umask(umask)
    try:
        atomic_file.write(tmp_path / "token", SECRET, mode=0o640)
    finally:
        os.umask(old)
    assert modes == [0o600 & ~umask]
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o640


@pytest.mark.parametrize("drift", ["content", "mode", "link"])
def test_drift_is_mended(tmp_path: Path, drift: str) -> None:
    path = tmp_path / "token"
    atomic_file.write(path, SECRET)
    if drift == "content":
        path.write_bytes(SECRET.upper())
    elif drift == "mode":
        path.chmod(0o644)
    else:
        path.rename(tmp_path / "elsewhere")
        path.symlink_to("elsewhere")
    assert not atomic_file.same(path, SECRET)
    assert atomic_file.write(path, SECRET)
    assert atomic_file.same(path, SECRET)
    assert not path.is_symlink()


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "token"
    atomic_file.write(path, b"old")

    def full(*_args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert error_of(atomic_file.SecretFileError, atomic_file.write, path, SECRET) == f"{path} can't be written: No space left on device"
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["token"]


def test_what_a_crash_left_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "token"
    for name in ("token", "token2"):
        (tmp_path / f"{atomic_file.TEMPORARY}{name}.0a1b").write_bytes(SECRET)
    atomic_file.write(path, SECRET)
    assert sorted(one.name for one in tmp_path.iterdir()) == [f"{atomic_file.TEMPORARY}token2.0a1b", "token"]


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "token"
    assert error_of(atomic_file.SecretFileError, atomic_file.write, path, SECRET) == f"{path} can't be written: No such file or directory"


def test_a_directory_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "token"
    assert error_of(atomic_file.SecretFileError, atomic_file.write, path, SECRET) == f"{path} can't be written: Not a directory"
