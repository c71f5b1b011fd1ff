# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Installed releases are compared with their manifests, and versions that nothing uses are removed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.host import release_manifest, releases as host_releases
from tests.unit.builders.releases import NAMES, directory, place, program, snapshot, verify


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "opt"


def test_a_touched_file_is_read_again_and_found_sound(tmp_path: Path, root: Path) -> None:
    src = directory(tmp_path)
    place(root, src)
    os.utime(root / "1.15.3" / "bin" / "spire-server")
    recorded = release_manifest.read_manifest(root, "1.15.3")
    assert verify(root, "1.15.3", NAMES) == []
    assert not place(root, src).changed
    assert release_manifest.read_manifest(root, "1.15.3") != recorded


def test_an_untouched_file_is_not_read(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place(root, directory(tmp_path))
    read: list[Path] = []
    monkeypatch.setattr(release_manifest, "file_digest", lambda path: read.append(path) or "0" * 64)
    assert verify(root, "1.15.3", NAMES) == []
    os.utime(root / "1.15.3" / "bin" / "spire-agent")
    assert verify(root, "1.15.3", NAMES) == [
        f"{root}/1.15.3/bin/spire-agent was changed after it had been placed"
    ]
    assert read == [root / "1.15.3" / "bin" / "spire-agent"]


def test_versions_that_no_link_names_are_pruned(tmp_path: Path, root: Path) -> None:
    for version, link in (("1.15.2", "server-main"), ("1.15.3", "server-main"), ("1.14.7", "agent-main")):
        place(root, directory(tmp_path, spire_server=program(version), spire_agent=program(version)), version, link=link)
    # This version has no manifest, so the collection did not install it and must keep it.
    (root / "1.13.6" / "bin").mkdir(parents=True)
    before = snapshot(root)
    assert host_releases.prune(root, tmp_path / "etc", check=True) == [root / "1.15.2"]
    pruned = host_releases.prune(root, tmp_path / "etc", gone=[root / "agent-main"], check=True)
    assert pruned == [root / "1.14.7", root / "1.15.2"]
    assert snapshot(root) == before
    assert host_releases.prune(root, tmp_path / "etc") == [root / "1.15.2"]
    assert sorted(path.name for path in root.iterdir()) == ["1.13.6", "1.14.7", "1.15.3", "agent-main", "server-main"]
    assert host_releases.prune(root, tmp_path / "etc") == []


def meanwhile(monkeypatch: pytest.MonkeyPatch, other: Callable[[], object]) -> None:
    """Lets the run of another instance hold the lock first."""
    locked = host_releases.locked

    @contextmanager
    def waited(root: Path) -> Iterator[None]:
        other()
        with locked(root):
            yield

    monkeypatch.setattr(host_releases, "locked", waited)


def test_pruning_after_another_that_waited_less(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place(root, directory(tmp_path), link=None)
    meanwhile(monkeypatch, lambda: shutil.rmtree(root / "1.15.3"))
    assert host_releases.prune(root, tmp_path / "etc") == []


def test_a_version_that_a_link_was_just_switched_to_stays(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    src = directory(tmp_path)
    place(root, src, link=None)
    meanwhile(monkeypatch, lambda: (root / "agent-main").symlink_to("1.15.3"))
    assert host_releases.prune(root, tmp_path / "etc") == []
    assert verify(root, "1.15.3", NAMES) == []


def test_a_configuration_that_goes_at_this_moment_names_nothing(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A configuration that another run removes while it is read names no version; the configuration of another instance still does."""
    for name in ("one", "two"):
        (tmp_path / "etc" / "server").mkdir(parents=True, exist_ok=True)
        (tmp_path / "etc" / "server" / f"{name}.conf").write_text(name)
    read = Path.read_text

    def raced(path: Path, **more: Any) -> str:
        if path.name == "one.conf":
            path.unlink()
        return read(path, **more)

    monkeypatch.setattr(Path, "read_text", raced)
    assert list(host_releases._texts(tmp_path / "etc", [])) == ["two"]


def test_nothing_is_pruned_where_nothing_was_placed(tmp_path: Path) -> None:
    assert host_releases.prune(tmp_path / "none", tmp_path / "etc") == []
