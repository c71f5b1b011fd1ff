# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The probe observes files and users of this machine."""

from __future__ import annotations

import grp
import os
import pwd
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.host.observe import files


def test_an_owner_without_a_name_is_a_number() -> None:
    assert files._name(pwd.getpwuid, 4_000_000_001) == "4000000001"


def test_users_and_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    assert files.user(pwd.getpwuid(0).pw_name) == {"exists": True, "group": True}
    assert files.user("nobody-has-this-name") == {"exists": False, "group": False}

    def missing(name: str) -> Any:
        raise KeyError(name)

    monkeypatch.setattr(grp, "getgrnam", missing)
    assert files.user(pwd.getpwuid(0).pw_name) == {"exists": True, "group": False}


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """Makes a directory that every user may enter, unlike pytest's own directories."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


def test_modes(open_directory: Path) -> None:
    for mode in (0o600, 0o640, 0o644, 0o604):
        file = open_directory / ("%o" % mode)
        file.write_text("key")
        file.chmod(mode)
    paths = [str(path) for path in sorted(open_directory.iterdir())] + [str(open_directory / "none"), str(open_directory)]
    assert files.readable(paths) == {str(open_directory / "604"): "0604", str(open_directory / "644"): "0644"}


def test_a_directory_on_the_way_keeps_others_out(open_directory: Path) -> None:
    private = open_directory / "private"
    below = private / "below"
    below.mkdir(parents=True)
    file = below / "key"
    file.write_text("key")
    file.chmod(0o644)
    assert files.readable([str(file)]) == {str(file): "0644"}
    private.chmod(0o750)
    assert files.readable([str(file)]) == {}


def test_a_link_is_as_open_as_what_it_names(open_directory: Path, tmp_path: Path) -> None:
    file = open_directory / "key"
    file.write_text("key")
    file.chmod(0o644)
    link = tmp_path / "link"
    link.symlink_to(file)
    assert files.readable([str(link)]) == {str(link): "0644"}


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture
def nested() -> Iterator[list[str]]:
    """Yields two directories within each other that belong to root, the outer one first; every user can go through those above them."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as top:
        os.chmod(top, 0o755)
        outer, inner = Path(top, "outer"), Path(top, "outer", "inner")
        for directory in (outer, inner):
            directory.mkdir()
            directory.chmod(0o755)
        yield [str(outer), str(inner)]


def paths_of(found: list[dict[str, Any]]) -> list[str]:
    return [one["path"] for one in found]


@needs_root
@pytest.mark.parametrize("user", ["nobody", "a user who does not exist"])
def test_another_user_goes_through_open_directories_only(nested: list[str], user: str) -> None:
    assert files.impassable(nested, user) == []
    os.chmod(nested[1], 0o700)
    (found,) = files.impassable(nested, user)
    assert (found["path"], found["mode"], found["owner"]) == (nested[1], "0700", "root")


@needs_root
def test_only_the_uppermost_closed_directory_is_named(nested: list[str]) -> None:
    for path in nested:
        os.chmod(path, 0o700)
    assert paths_of(files.impassable(nested, "nobody")) == nested[:1]


@needs_root
def test_an_access_list_counts(nested: list[str]) -> None:
    os.chmod(nested[0], 0o700)
    assert paths_of(files.impassable(nested, "nobody")) == nested[:1]
    nobody, none = pwd.getpwnam("nobody").pw_uid, 0xFFFFFFFF
    # the owner, the user nobody, the group, the mask and the others, as in posix_acl_xattr.h of Linux
    entries = ((0x01, 7, none), (0x02, 1, nobody), (0x04, 0, none), (0x10, 1, none), (0x20, 0, none))
    try:
        os.setxattr(nested[0], "system.posix_acl_access", struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries))
    except OSError:
        pytest.skip("this file system has no access lists")
    assert files.impassable(nested, "nobody") == []


def test_root_and_the_user_of_a_quickstart_are_asked_as_they_are(nested: list[str]) -> None:
    assert files.impassable([*nested, "/nowhere"], "") == []
