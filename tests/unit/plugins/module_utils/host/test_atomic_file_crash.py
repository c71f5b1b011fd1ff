# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kills a write before each of its lines. The old or the new file must be whole, and other users can read nothing."""

from __future__ import annotations

import os
import shutil
import stat
import time
from pathlib import Path

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.host import atomic_file, key_request
from tests.support import crashes

OLD, NEW = b"the old secret\n" * 400, b"the new secret\n" * 500


def private(directory: Path) -> bool:
    """Whether only the owner can read the files in the directory."""
    return all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in directory.iterdir())


def test_work_in_which_nothing_is_killed_fails() -> None:
    with pytest.raises(AssertionError, match="^the work came to its end without a line of /spire/fleet/plugins/module_utils/ or "):
        list(crashes.moments(lambda: "nothing of ours", lambda: None))


@pytest.mark.parametrize("old", [OLD, None], ids=["replaced", "new"])
def test_a_secret_file(tmp_path: Path, old: "bytes | None") -> None:
    run_directory, path = tmp_path / "run_directory", tmp_path / "run_directory" / "token"

    def prepare() -> None:
        shutil.rmtree(run_directory, ignore_errors=True)
        run_directory.mkdir()
        if old is not None:
            atomic_file.write(path, old)

    left = []
    for _moment in crashes.moments(lambda: atomic_file.write(path, NEW), prepare):
        found = path.read_bytes() if path.exists() else None
        assert found in (old, NEW)
        assert private(run_directory)
        left.append((found == NEW, len(list(run_directory.iterdir())) > path.exists()))
        atomic_file.write(path, NEW)
        atomic_file.clean(path)
        assert [one.name for one in run_directory.iterdir()] == ["token"] and atomic_file.same(path, NEW)
    # The kills left the old file alone, the old file with a temporary one beside it, and the new file.
    assert len(left) > 20 and {(False, False), (False, True), (True, False)} <= set(left)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl found")
@pytest.mark.parametrize("force", [False, True], ids=["new", "replaced"])
def test_a_key_that_is_born(tmp_path: Path, force: bool) -> None:
    run_directory = tmp_path / "run_directory"
    key = key_request.Key(str(run_directory / "own.key"), "ec-p256", -1, -1, str(shutil.which("openssl")))
    old = key_request._run(key, ["genpkey", *key_request.KEY_TYPES["ec-p256"]])

    def prepare() -> None:
        shutil.rmtree(run_directory, ignore_errors=True)
        run_directory.mkdir()
        if force:
            atomic_file.write(key.path, old)

    kept = set()
    # Only a sample of the lines is used, since openssl takes time at each.
    for _moment in crashes.moments(lambda: key_request.keep(key, force, False, time.gmtime(0)), prepare, 60):
        assert private(run_directory)
        if os.path.exists(key.path):
            assert key_request._type_of(key) == "ec-p256"
        if force:
            # The old key is never lost.
            copies = [path.read_bytes() for path in run_directory.glob("own.key.*.old")]
            assert old in [Path(key.path).read_bytes(), *copies]
            kept.add(len(copies))
        key_request.keep(key, False, False, time.gmtime(0))
        assert [path.name for path in run_directory.iterdir() if not path.name.startswith("own.key")] == [] and os.path.exists(key.path)
    assert not force or kept == {0, 1}
