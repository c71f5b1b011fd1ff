# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Modules fail with a plain message if the host has an error."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tests.support.run_module import run_module


def test_pruning_where_nothing_was_installed(tmp_path: Path) -> None:
    result = run_module("release_prune", root=str(tmp_path / "none"), configurations=str(tmp_path / "etc"))
    assert (result["changed"], result["removed"], "msg" in result) == (False, [], False)


def test_pruning_a_root_that_is_a_file(tmp_path: Path) -> None:
    root = tmp_path / "file"
    root.touch()
    assert run_module("release_prune", root=str(root), configurations=str(tmp_path / "etc"))["msg"] == (
        f"Versions that nothing uses can't be removed: {root}: Not a directory. What is left goes when the task runs again."
    )


def test_pruning_beside_a_configuration_that_can_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "opt").mkdir()
    configuration = tmp_path / "etc" / "server" / "main.conf"
    configuration.mkdir(parents=True)
    assert run_module("release_prune", root=str(tmp_path / "opt"), configurations=str(tmp_path / "etc"))["msg"] == (
        f"Versions that nothing uses can't be removed: {configuration}: Is a directory. What is left goes when the task runs again."
    )


def asked(tmp_path: Path, binary: Path, timeout: int) -> dict[str, Any]:
    log = tmp_path / "log"
    log.write_text("its last words\n")
    return run_module(
        "wait_healthy", component="server", binary=str(binary), socket_path=str(tmp_path / "socket"), timeout=timeout, log_files=[str(log)]
    )


def test_a_missing_program_is_not_healthy(tmp_path: Path) -> None:
    result = asked(tmp_path, tmp_path / "none", 1)
    assert result["msg"] == f"spire-server is not healthy after 1 seconds: {tmp_path / 'none'} does not exist. The end of its log:\nits last words"
    assert result["log"] == ["its last words"]


def test_a_program_that_hangs_is_not_healthy_within_the_time(tmp_path: Path) -> None:
    binary = tmp_path / "spire-server"
    binary.write_text("#!/bin/sh\nexec sleep 60\n")
    binary.chmod(0o755)
    started = time.monotonic()
    assert asked(tmp_path, binary, 2)["msg"] == (
        f"spire-server is not healthy after 2 seconds: {binary} gave no answer within 2 seconds. The end of its log:\nits last words"
    )
    assert time.monotonic() - started < 10


def test_a_name_of_a_statsd_sink_that_is_not_found_is_a_warning(tmp_path: Path) -> None:
    binary = tmp_path / "spire-server"
    binary.write_text("#!/bin/sh\necho Server is healthy.\n")
    binary.chmod(0o755)
    names = {"telemetry.Statsd[0].address": "localhost", "telemetry.Statsd[1].address": "nowhere.invalid"}
    result = run_module("wait_healthy", component="server", binary=str(binary), socket_path=str(tmp_path / "socket"), names=names)
    (warning,) = result["warnings"]
    # ansible-core 2.19 and later return more than the text.
    assert "The name nowhere.invalid of telemetry.Statsd[1].address is not found on this host: " in str(warning)
    assert ". SPIRE sends no metrics there, and tries again every 5 seconds." in str(warning)
