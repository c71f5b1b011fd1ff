# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Directories and files of a component are written in one call, each with its own owner and mode whatever the umask is."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any, Dict, Iterator, List  # pylint: disable=unused-import

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.host import component_files, directories
from ansible_collections.spire.fleet.plugins.module_utils.host.component_files import ComponentFilesError


@pytest.fixture(autouse=True, params=[0o022, 0o077])
def umask(request: Any) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def applied(absent: "List[str] | None" = None, dirs: "List[Dict[str, Any]] | None" = None, files: "List[Dict[str, Any]] | None" = None) -> bool:
    return component_files.apply({"absent": absent or [], "directories": dirs or [], "files": files or []}, lambda path, changed: changed)


def directory(path: Path, **more: Any) -> Dict[str, Any]:
    return {"path": str(path), "mode": "0755", "owner": "", "group": "", "follow": True, **more}


def file(path: Path, **more: Any) -> Dict[str, Any]:
    return {"path": str(path), "content": "planted-secret-93f1\n", "mode": "0640", "owner": "", "group": "", "validate": [], "candidate": "", **more}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_everything_is_written_in_order_and_a_second_time_changes_nothing(tmp_path: Path) -> None:
    asked: Dict[str, Any] = {"dirs": [directory(tmp_path / "a"), directory(tmp_path / "a" / "b", mode="0750")], "files": [file(tmp_path / "a" / "b" / "f")]}
    assert applied(**asked) and not applied(**asked)
    assert [mode(tmp_path / "a"), mode(tmp_path / "a" / "b"), mode(tmp_path / "a" / "b" / "f")] == [0o755, 0o750, 0o640]
    (tmp_path / "a").chmod(0o700)
    assert applied(**asked) and mode(tmp_path / "a") == 0o755


def test_what_is_absent_goes_first_with_all_that_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "left" / "over").mkdir(parents=True)
    (tmp_path / "target").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "target")
    gone = [tmp_path / "left", tmp_path / "link", tmp_path / "never"]
    assert applied([str(path) for path in gone], [directory(tmp_path / "left")])
    assert not (tmp_path / "left" / "over").exists() and not (tmp_path / "link").is_symlink() and (tmp_path / "target").is_dir()
    assert not applied([str(tmp_path / "never")])


def test_a_link_is_followed_only_where_that_is_safe(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(ComponentFilesError, match=r"^the directory .*/link can't be created or changed: (Not a directory|Too many levels)"):
        applied(dirs=[directory(tmp_path / "link", follow=False)])
    assert mode(tmp_path / "target") == 0o700
    assert applied(dirs=[directory(tmp_path / "link")]) and mode(tmp_path / "target") == 0o755


def test_a_failure_names_the_path_and_no_content(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ComponentFilesError) as failed:
        applied(files=[file(tmp_path / "nowhere" / "f")])
    assert str(failed.value) == f"{tmp_path}/nowhere/f can't be written: No such file or directory."
    with pytest.raises(ComponentFilesError, match="file can't be created or changed: Not a directory[.]$"):
        applied(dirs=[directory(tmp_path / "file")])
    with pytest.raises(ComponentFilesError, match="f can't be given to its owner: .*no-such-user"):
        applied(files=[file(tmp_path / "f", owner="no-such-user")])


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ('echo "line 3: $(cat "$0")"; exit 1', "line 3: new"), ("exit 7", "its check ended with the status 7 and said nothing"),
        ("", "its check can't be run: Permission denied"),
    ],
)
def test_a_refused_configuration_leaves_the_old_one(tmp_path: Path, command: str, said: str) -> None:
    old, candidate = tmp_path / "main.conf", tmp_path / ".candidate"
    old.write_text("old")
    argv = ["/bin/sh", "-c", command, str(candidate)] if command else [str(tmp_path)]
    with pytest.raises(ComponentFilesError) as refused:
        applied(files=[file(old, content="new", candidate=str(candidate), validate=argv)])
    assert (str(refused.value), refused.value.said) == (f"SPIRE refuses the new configuration, so {old} stays as it is", said)
    assert old.read_text() == "old" and not candidate.exists()


def test_a_check_that_hangs_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(component_files, "VALIDATE_SECONDS", 0.1)
    with pytest.raises(ComponentFilesError) as refused:
        applied(files=[file(tmp_path / "f", candidate=str(tmp_path / "c"), validate=["/bin/sleep", "60"])])
    assert refused.value.said == "its check did not end within 0 seconds"


def test_an_accepted_configuration_replaces_the_old_one(tmp_path: Path) -> None:
    path, candidate = tmp_path / "main.conf", tmp_path / ".candidate"
    assert applied(files=[file(path, content="new", candidate=str(candidate), validate=["/bin/grep", "-q", "new", str(candidate)])])
    assert path.read_text() == "new" and mode(path) == 0o640 and not candidate.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_new_owner_keeps_the_mode(tmp_path: Path) -> None:
    assert directories.ensure(str(tmp_path / "a"), 65534, 65534, 0o2750)
    found = (tmp_path / "a").stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (65534, 65534, 0o2750)
    assert not directories.ensure(str(tmp_path / "a"), 65534, 65534, 0o2750)
    assert directories.ensure(str(tmp_path / "a"), 0, -1, 0o2750) and (tmp_path / "a").stat().st_gid == 65534
