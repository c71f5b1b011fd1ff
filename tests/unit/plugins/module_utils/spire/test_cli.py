# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.spire import cli
from ansible_collections.spire.fleet.plugins.module_utils.spire.cli import SpireCliError
from ansible_collections.spire.fleet.plugins.module_utils.spire.server_cli import SpireServer
from tests.support.errors import error_of


def script(tmp_path: Path, text: str) -> str:
    path = tmp_path / "spire-server"
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return str(path)


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / "none")
    assert error_of(SpireCliError, SpireServer(path, "/s").agent_list) == f"{path} does not exist"


def test_a_program_that_can_not_be_run_is_named(tmp_path: Path) -> None:
    path = tmp_path / "spire-server"
    path.write_bytes(b"\x7fELF garbage")
    path.chmod(0o755)
    assert error_of(SpireCliError, SpireServer(str(path), "/s").agent_list) == f"{path} can't be run: Exec format error"


def test_a_program_that_hangs_is_ended(tmp_path: Path) -> None:
    path = script(tmp_path, "exec sleep 60\n")
    assert error_of(SpireCliError, SpireServer(path, "/s", timeout=0.3).version) == f"{path} gave no answer within 0.3 seconds"


def test_spires_own_variables_do_not_redirect_the_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPIRE_SERVER_PRIVATE_SOCKET", "/elsewhere")
    monkeypatch.setenv("PLANTED", "still here")
    path = script(tmp_path, "env\n")
    out = cli.run_command([path], "", 10).stdout
    assert "PLANTED=still here" in out
    assert "SPIRE_SERVER" not in out
    assert os.environ["SPIRE_SERVER_PRIVATE_SOCKET"] == "/elsewhere"
