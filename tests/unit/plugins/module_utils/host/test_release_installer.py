# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A release is installed whole or not at all, also where a run is killed, and a damaged one is repaired."""

from __future__ import annotations

import os
import platform
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.host import releases as host_releases
from ansible_collections.spire.fleet.plugins.module_utils.host.programs import ReleaseError, machine
from ansible_collections.spire.fleet.plugins.module_utils.host.release_archive import Source
from ansible_collections.spire.fleet.plugins.module_utils.host.release_installer import Owner, ReleaseInstaller
from tests.support.errors import error_of
from tests.unit.builders.releases import NAMES, archive, directory, place, printed, program, snapshot, verify

OTHER = "aarch64" if machine() != "aarch64" else "x86_64"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "opt"


@pytest.mark.parametrize("packed", [False, True])
def test_check_run_check_run(tmp_path: Path, root: Path, packed: bool) -> None:
    src = directory(tmp_path)
    if packed:
        src = archive(tmp_path, src)
    foretold = place(root, src, check=True)
    assert not root.exists()
    done = place(root, src)
    assert (foretold.changed, foretold.placed, foretold.linked) == (True, NAMES, True)
    assert (done.changed, done.placed, done.linked) == (True, NAMES, True)
    assert (foretold.before, foretold.after) == (done.before, done.after)
    assert os.readlink(root / "server-main") == "1.15.3"
    for name in NAMES:
        path = root / "server-main" / "bin" / name
        assert path.read_bytes() == program(salt=name)
        assert stat.S_IMODE(path.stat().st_mode) == 0o755
    assert sorted(one.name for one in root.iterdir()) == ["1.15.3", "server-main"]
    assert verify(root, "1.15.3", NAMES) == []
    before = snapshot(root)
    assert not place(root, src, check=True).changed
    assert not place(root, src).changed
    assert snapshot(root) == before


def test_a_source_may_be_used_up(tmp_path: Path, root: Path) -> None:
    src = directory(tmp_path)
    inode = (src / "bin" / NAMES[0]).stat().st_ino
    installer = ReleaseInstaller(root, "1.15.3", NAMES, Owner(), run=printed)
    assert installer.place(Source(src, "1.15.3", NAMES, moves=True), None, check=True).placed == NAMES and src.exists()
    assert installer.place(Source(src, "1.15.3", NAMES, moves=True), None).placed == NAMES and not src.exists()
    assert (root / "1.15.3/bin" / NAMES[0]).stat().st_ino == inode and verify(root, "1.15.3", NAMES) == []
    packed = archive(tmp_path, directory(tmp_path))
    assert not installer.place(Source(packed, "1.15.3", NAMES, moves=True), None).changed and not packed.exists()


def test_programs_may_lie_in_the_directory_itself(tmp_path: Path, root: Path) -> None:
    assert place(root, directory(tmp_path) / "bin").placed == NAMES


def test_a_second_component_joins_the_first(tmp_path: Path, root: Path) -> None:
    src = directory(tmp_path)
    place(root, src, names=["spire-server"])
    inode = (root / "1.15.3/bin/spire-server").stat().st_ino
    assert place(root, src, names=["spire-agent"], link="agent-main").placed == ["spire-agent"]
    assert verify(root, "1.15.3", NAMES) == []
    assert (root / "1.15.3/bin/spire-server").stat().st_ino == inode


def test_going_back_needs_no_source(tmp_path: Path, root: Path) -> None:
    place(root, directory(tmp_path))
    new = {name.replace("-", "_"): program("1.15.4", salt=name) for name in NAMES}
    place(root, directory(tmp_path, **new), version="1.15.4")
    assert os.readlink(root / "server-main") == "1.15.4"
    assert place(root, None, check=True).linked
    assert os.readlink(root / "server-main") == "1.15.4"
    outcome = place(root, None)
    assert (outcome.changed, outcome.placed, outcome.link_before) == (True, [], "1.15.4")
    assert os.readlink(root / "server-main") == "1.15.3"
    with pytest.raises(ReleaseError, match=r"^version 1\.9\.0 can't be used: .*/1\.9\.0/bin/spire-server does not exist"):
        place(root, None, version="1.9.0")


def test_a_link_elsewhere_is_absolute(tmp_path: Path, root: Path) -> None:
    link = tmp_path / "links" / "spire"
    ReleaseInstaller(root, "1.15.3", NAMES, Owner(), printed).place(Source(directory(tmp_path), "1.15.3", NAMES), link)
    assert os.readlink(link) == str(root / "1.15.3")


def test_a_file_in_the_links_place_is_no_ones_to_remove(tmp_path: Path, root: Path) -> None:
    (root / "server-main").mkdir(parents=True)
    with pytest.raises(ReleaseError, match="server-main is to be a link to .*, but something that is no link is there$"):
        place(root, directory(tmp_path))
    assert sorted(one.name for one in root.iterdir()) == ["server-main"]


@pytest.mark.parametrize("packed", [False, True])
def test_the_wrong_architecture_stops_it(tmp_path: Path, root: Path, packed: bool) -> None:
    place(root, directory(tmp_path))
    before = snapshot(root)
    src = directory(tmp_path, spire_server=program(built_for=OTHER))
    label = f"{src}/bin/spire-server"
    if packed:
        src = archive(tmp_path, src)
        label = f"{src}:spire-1.15.3/bin/spire-server"
    for check in (True, False):
        assert error_of(ReleaseError, place, root, src, check=check) == f"{label} is built for {OTHER}, host {platform.node()} is {machine()}"
    assert snapshot(root) == before


@pytest.mark.parametrize(
    ("printing", "right"),
    [("1.15.3", True), ("1.15.3-dev-unk", True), ("1.15.3+local", True), ("1.15.30", False), ("1.14.7", False)],
)
def test_the_version_must_be_the_one_asked_for(tmp_path: Path, root: Path, printing: str, right: bool) -> None:
    src = directory(tmp_path, spire_agent=program(printing))
    if right:
        assert place(root, src).placed == NAMES
        return
    for check in (True, False):
        assert error_of(ReleaseError, place, root, src, check=check) == (
            f"{src}/bin/spire-agent says that it is version {printing}, 1.15.3 was asked for"
        )
    assert not (root / "1.15.3").exists()


def test_what_is_no_program_is_refused(tmp_path: Path, root: Path) -> None:
    src = directory(tmp_path, spire_agent=b"#!/bin/sh\necho 1.15.3\n")
    with pytest.raises(ReleaseError, match=r"spire-agent is no Linux program \(it has no ELF header\)$"):
        place(root, src)


def damage_content(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1] + b"X")


def damage_by_link(path: Path) -> None:
    path.rename(path.with_name("aside"))
    path.symlink_to("aside")


DAMAGES: dict[str, tuple[Callable[[Path], Any], str, bool]] = {
    "content": (damage_content, "was changed after it had been placed", True),
    "gone": (lambda path: path.unlink(), "does not exist", True),
    "link": (damage_by_link, "is no regular file", True),
    "mode": (lambda path: path.chmod(0o777), "has mode 0777, it was placed with 0755", False),
    "manifest": (lambda path: (path.parent.parent / ".manifest.json").write_text("{"), "is not in ", False),
}


@pytest.mark.parametrize("kind", list(DAMAGES))
def test_damage_is_seen_and_repaired(tmp_path: Path, root: Path, kind: str) -> None:
    damage, text, replaced = DAMAGES[kind]
    src = directory(tmp_path)
    place(root, src)
    path = root / "1.15.3" / "bin" / "spire-server"
    damage(path)
    assert [line for line in verify(root, "1.15.3", NAMES) if text in line]
    before = snapshot(root)
    foretold = place(root, src, check=True)
    assert snapshot(root) == before
    done = place(root, src)
    assert foretold.changed and done.changed
    assert foretold.placed == done.placed == (["spire-server"] if replaced else [])
    assert verify(root, "1.15.3", NAMES) == []
    assert path.read_bytes() == program(salt="spire-server") and not path.is_symlink()
    assert not place(root, src).changed


def test_a_rebuilt_program_of_the_same_version_replaces_the_old_one(tmp_path: Path, root: Path) -> None:
    place(root, directory(tmp_path))
    again = directory(tmp_path, spire_agent=program("1.15.3-dev-unk", salt="new"))
    assert place(root, again).placed == ["spire-agent"]
    assert (root / "1.15.3/bin/spire-agent").read_bytes() == program("1.15.3-dev-unk", salt="new")


class Crash(BaseException):
    """Stands for a SIGKILL."""


@pytest.mark.parametrize("installed", [False, True])
@pytest.mark.parametrize("moment", range(6))
def test_a_crash_leaves_old_or_new_and_a_rerun_mends_it(
    tmp_path: Path, root: Path, installed: bool, moment: int
) -> None:
    old = {name: program("1.15.3-old", salt=name) for name in NAMES}
    if installed:
        place(root, directory(tmp_path, **{name.replace("-", "_"): data for name, data in old.items()}))
    src = directory(tmp_path)
    calls = 0

    def replace(one: Path, two: Path) -> None:
        nonlocal calls
        if calls == moment:
            raise Crash
        calls += 1
        os.replace(one, two)

    try:
        place(root, src, replace=replace, link="other")
    except Crash:
        pass
    else:
        # The last numbers are greater than the number of calls, so nothing was interrupted.
        assert calls <= moment
    for name in NAMES:
        path = root / "1.15.3" / "bin" / name
        whole = [program(salt=name)] + ([old[name]] if installed else [])
        assert (path.read_bytes() in whole) if installed or path.exists() else not installed
    place(root, src, link="other")
    assert verify(root, "1.15.3", NAMES) == []
    assert all((root / "other/bin" / name).read_bytes() == program(salt=name) for name in NAMES)
    assert host_releases.temporary_files(root) == []
    assert not (root / "1.15.3" / ".manifest.json.new").exists()
    assert not place(root, src, link="other").changed


def test_leftovers_are_told_and_removed(tmp_path: Path, root: Path) -> None:
    src = directory(tmp_path)
    place(root, src)
    left = root / f"{host_releases.STAGING}abc"
    (left / "bin").mkdir(parents=True)
    assert place(root, src, check=True).differences == [f"{left} was left by a run that was killed"]
    assert left.exists()
    assert place(root, src).changed
    assert not left.exists()
    assert not place(root, src).changed


def test_several_at_once_do_not_meet(tmp_path: Path, root: Path) -> None:
    src = archive(tmp_path, directory(tmp_path))
    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(lambda number: place(root, src, link=f"server-{number}"), range(6)))
    assert sorted(len(outcome.placed) for outcome in outcomes) == [0, 0, 0, 0, 0, 2]
    assert all(outcome.linked for outcome in outcomes)
    assert sorted(one.name for one in root.iterdir()) == ["1.15.3", *(f"server-{number}" for number in range(6))]
    assert verify(root, "1.15.3", NAMES) == []
