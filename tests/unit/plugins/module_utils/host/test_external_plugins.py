# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Installs, observes and removes the binaries of external plugins on a host."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.host import probe, releases as host_releases
from ansible_collections.spire.fleet.plugins.module_utils.host.observe import binaries
from ansible_collections.spire.fleet.plugins.module_utils.host.programs import ReleaseError, machine
from ansible_collections.spire.fleet.plugins.module_utils.host.release_archive import Source
from ansible_collections.spire.fleet.plugins.module_utils.host.release_installer import Outcome, Owner, ReleaseInstaller
from tests.support.errors import error_of

NUMBERS = {"x86_64": 62, "aarch64": 183}
OTHER = "aarch64" if machine() != "aarch64" else "x86_64"


def elf(built_for: str = "", salt: bytes = b"") -> bytes:
    """Returns the header of an ELF file, which can't be run."""
    return b"\x7fELF\x02\x01" + bytes(12) + NUMBERS[built_for or machine()].to_bytes(2, "little") + bytes(40) + salt


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def never(argv: Any, stdin: str, timeout: float) -> Any:
    raise AssertionError(f"a plugin was run: {argv}")


def place(tmp_path: Path, content: bytes, wanted: str = "", version: str = "1", check: bool = False) -> Outcome:
    incoming = tmp_path / "incoming"
    incoming.mkdir(exist_ok=True)
    (incoming / "outer").write_bytes(content)
    root = tmp_path / "opt" / "plugins" / "outer"
    placer = ReleaseInstaller(root, version, ["outer"], Owner(mode=0o755), never, sha256=wanted or sha256(content))
    return placer.place(Source(incoming, version, ["outer"]), None, check)


def placed(tmp_path: Path, version: str = "1") -> Path:
    return tmp_path / "opt" / "plugins" / "outer" / version / "bin" / "outer"


@pytest.mark.parametrize("content", [elf(), b"#!/usr/bin/python3\n"])
def test_check_run_check_run(tmp_path: Path, content: bytes) -> None:
    assert place(tmp_path, content, check=True).placed == ["outer"]
    assert not placed(tmp_path).exists()
    assert place(tmp_path, content).placed == ["outer"]
    assert placed(tmp_path).read_bytes() == content and placed(tmp_path).stat().st_mode & 0o777 == 0o755
    assert not place(tmp_path, content, check=True).changed and not place(tmp_path, content).changed


def test_an_upper_case_checksum_is_the_same(tmp_path: Path) -> None:
    assert place(tmp_path, elf(), sha256(elf()).upper()).placed == ["outer"]


@pytest.mark.parametrize("content, wanted, message", [
    (elf(salt=b"tampered"), sha256(elf()),
     f"{{src}} has the SHA-256 checksum {sha256(elf(salt=b'tampered'))}, {sha256(elf())} was expected; nothing was replaced"),
    (elf(OTHER), "", f"{{src}} is built for {OTHER}, host {platform.node()} is {machine()}"),
    (b"<html>", "", "{src} is no Linux program (it has no ELF header)"),
])
def test_what_is_refused_replaces_nothing(tmp_path: Path, content: bytes, wanted: str, message: str) -> None:
    place(tmp_path, elf())
    assert error_of(ReleaseError, place, tmp_path, content, wanted) == message.replace("{src}", str(tmp_path / "incoming" / "outer"))
    assert placed(tmp_path).read_bytes() == elf()


def test_a_script_is_no_release(tmp_path: Path) -> None:
    """A script is refused as a program of SPIRE. Only an external plugin may be a script."""
    (tmp_path / "spire-server").write_bytes(b"#!/bin/sh\n")
    with pytest.raises(ReleaseError, match="is no Linux program"):
        ReleaseInstaller(tmp_path / "opt", "1.15.3", ["spire-server"], Owner(), never).place(Source(tmp_path, "1.15.3", ["spire-server"]), None)


def test_versions_lie_side_by_side_until_nobody_names_them(tmp_path: Path) -> None:
    for version in ("1", "2", "10"):
        place(tmp_path, elf(salt=version.encode()), version=version)
    (tmp_path / "opt" / "plugins" / "outer" / "by-hand" / "bin").mkdir(parents=True)
    root = tmp_path / "opt"
    assert [path.name for path in host_releases.unused_plugins(root, [])] == ["1", "10", "2"]
    named = [f'plugin_cmd = "{placed(tmp_path, "10")}"', "something else"]
    assert [path.name for path in host_releases.unused_plugins(root, named)] == ["1", "2"]
    assert host_releases.unused(root) == []


def test_a_plugin_goes_with_the_last_configuration_that_names_it(tmp_path: Path) -> None:
    place(tmp_path, elf())
    root, configuration = tmp_path / "opt", tmp_path / "etc" / "server" / "main.conf"
    configuration.parent.mkdir(parents=True)
    configuration.write_text(f'plugin_cmd = "{placed(tmp_path)}"')
    assert host_releases.prune(root, tmp_path / "etc") == []
    assert host_releases.prune(root, tmp_path / "etc", gone=[configuration], check=True) == [placed(tmp_path).parents[1]]
    configuration.unlink()
    host_releases.prune(root, tmp_path / "etc")
    assert list(root.iterdir()) == []


def test_what_is_left_empty_goes_and_the_root_stays(tmp_path: Path) -> None:
    place(tmp_path, elf())
    root = tmp_path / "opt"
    host_releases.remove_empty(placed(tmp_path).parents[2], root)
    assert placed(tmp_path).exists()
    (version,) = host_releases.unused_plugins(root, [])
    shutil.rmtree(version)
    host_releases.remove_empty(version.parent, root)
    assert list(root.iterdir()) == []
    host_releases.remove_empty(root, root)
    assert root.is_dir()


def asked(tmp_path: Path, content: bytes, **more: str) -> dict[str, str]:
    return {
        "path": str(placed(tmp_path)), "root": str(tmp_path / "opt" / "plugins" / "outer"), "version": "1", "name": "outer",
        "sha256": sha256(content), "data_file": "", **more,
    }


def test_a_drift_check_at_a_placed_one(tmp_path: Path) -> None:
    content = elf()
    found = binaries.plugin(asked(tmp_path, content), "")
    assert (found["exists"], [one["text"] for one in found["release"]]) == (False, [f"{placed(tmp_path)} does not exist"])
    place(tmp_path, content)
    assert binaries.plugin(asked(tmp_path, content), "") == {
        "path": str(placed(tmp_path)), "exists": True, "release": [], "other": "", "machine": "", "runs": False, "data_file": True,
    }
    assert binaries.plugin(asked(tmp_path, b"another"), "")["other"] == sha256(content)
    placed(tmp_path).write_bytes(elf(salt=b"changed"))
    (difference,) = binaries.plugin(asked(tmp_path, content), "")["release"]
    assert difference == {"text": f"{placed(tmp_path)} was changed after it had been placed", "replaces": True}


def test_a_drift_check_at_one_of_the_hosts_own(tmp_path: Path) -> None:
    content = elf(OTHER)
    path = tmp_path / "own"
    spec = asked(tmp_path, content, path=str(path), root="", data_file=str(tmp_path / "options"))
    assert binaries.plugin(spec, "") == {
        "path": str(path), "exists": False, "release": [], "other": "", "machine": "", "runs": False, "data_file": False,
    }
    path.write_bytes(content)
    (tmp_path / "options").write_text("", encoding="ascii")
    path.chmod(0o755)
    assert binaries.plugin(spec, "") == {
        "path": str(path), "exists": True, "release": [], "other": "", "machine": OTHER, "runs": True, "data_file": True,
    }
    path.write_bytes(b"#!/bin/sh\n")
    found = binaries.plugin(spec, "")
    assert (found["other"], found["machine"], found["runs"]) == (sha256(b"#!/bin/sh\n"), "", True)
    # Without a checksum in the configuration, no different checksum is reported.
    assert binaries.plugin({**spec, "sha256": ""}, "")["other"] == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("mode, user, runs", [
    (0o755, "nobody", True), (0o754, "nobody", False), (0o701, "no-such-user", True), (0o700, "no-such-user", False),
    (0o100, "root", True), (0o001, "root", True), (0o644, "root", False), (0o700, "", True),
])
def test_who_may_run_it(mode: int, user: str, runs: bool) -> None:
    # Nobody could go through pytest's own directories.
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        path = Path(directory, "own")
        path.write_bytes(b"")
        path.chmod(mode)
        assert binaries.plugin({"path": str(path), "root": "", "sha256": "", "data_file": ""}, user)["runs"] is runs


def test_a_host_takes_the_variant_of_its_architecture(monkeypatch: pytest.MonkeyPatch) -> None:
    params: dict[str, Any] = {
        "spec": {"one": 1}, "planned": {"one": "a"}, "variants": {"aarch64": {"two": 2}}, "planned_variants": {"aarch64": {"two": "b"}},
    }
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert probe.own_variant(params) == ({"two": 2}, {"two": "b"})
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert probe.own_variant(params) == ({"one": 1}, {"one": "a"})
    assert probe.own_variant({**params, "variants": None}) == ({"one": 1}, {"one": "a"})
