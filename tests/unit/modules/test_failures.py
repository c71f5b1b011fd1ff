# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whole modules where something is wrong on the host: they fail with a sentence."""

from __future__ import annotations

from pathlib import Path

from tests.support.run_module import run_module


def test_pruning_where_nothing_was_installed(tmp_path: Path) -> None:
    result = run_module("prune_releases", root=str(tmp_path / "none"), configurations=str(tmp_path / "etc"))
    assert (result["changed"], result["removed"], "msg" in result) == (False, [], False)


def test_pruning_a_root_that_is_a_file(tmp_path: Path) -> None:
    root = tmp_path / "file"
    root.touch()
    assert run_module("prune_releases", root=str(root), configurations=str(tmp_path / "etc"))["msg"] == (
        f"Versions that nothing uses can't be removed: {root}: Not a directory. What is left goes when the task runs again."
    )


def test_pruning_beside_a_configuration_that_can_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "opt").mkdir()
    configuration = tmp_path / "etc" / "server" / "main.conf"
    configuration.mkdir(parents=True)
    assert run_module("prune_releases", root=str(tmp_path / "opt"), configurations=str(tmp_path / "etc"))["msg"] == (
        f"Versions that nothing uses can't be removed: {configuration}: Is a directory. What is left goes when the task runs again."
    )
