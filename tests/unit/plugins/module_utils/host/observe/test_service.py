# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The probe observes real processes and real sockets; only systemctl is replaced."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.host import systemd
from ansible_collections.spire.fleet.plugins.module_utils.host.observe import service


def test_a_program_that_was_binary_changed(tmp_path: Path, process: "subprocess.Popen[bytes]") -> None:
    assert not service.binary_changed(process.pid, f"/proc/{process.pid}/exe")
    other = tmp_path / "other"
    other.write_text("")
    assert service.binary_changed(process.pid, str(other))
    assert service.binary_changed(process.pid, str(tmp_path / "gone"))
    assert not service.binary_changed(0, str(other))


def test_a_socket_that_answers(tmp_path: Path) -> None:
    path = tmp_path / "s"
    assert not service.answers(str(path))
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    assert not service.answers(str(path))
    server.listen(1)
    assert service.answers(str(path))
    server.close()
    assert path.exists() and not service.answers(str(path))


SYSTEMD = {
    "up": (
        "LoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\nMainPID=41\nNeedDaemonReload=no\n",
        {"state": "active", "running": True, "healthy": True, "enabled": True, "reload": False, "pid": 41},
    ),
    "starting": (
        "ActiveState=activating\nSubState=start-post\nUnitFileState=disabled\nMainPID=41\nNeedDaemonReload=yes\n",
        {"state": "activating", "running": True, "healthy": False, "enabled": False, "reload": True, "pid": 41},
    ),
    "between two starts": (
        "ActiveState=activating\nSubState=auto-restart\nUnitFileState=enabled\nMainPID=0\nNeedDaemonReload=no\n",
        {"state": "activating", "running": False, "healthy": False, "enabled": True, "reload": False, "pid": 0},
    ),
    "not there": (
        "LoadState=not-found\nActiveState=inactive\nSubState=dead\nUnitFileState=\nMainPID=0\nNeedDaemonReload=no\n",
        {"state": "inactive", "running": False, "healthy": False, "enabled": False, "reload": False, "pid": 0},
    ),
    "no systemd": (
        "", {"state": "unknown", "running": False, "healthy": False, "enabled": False, "reload": False, "pid": 0},
    ),
}


@pytest.mark.parametrize("name", SYSTEMD)
def test_what_systemd_says(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    shown, wanted = SYSTEMD[name]
    asked: list[list[str]] = []

    def output(argv: list[str]) -> str:
        asked.append(argv)
        return shown

    monkeypatch.setattr(systemd, "output", output)
    assert service.state({"manager": "systemd", "name": "spire-agent@main.service"}) == wanted
    assert len(asked) == 1 and asked[0][:2] == ["systemctl", "show"] and asked[0][-1] == "spire-agent@main.service"


def test_commands_that_are_not_there_say_nothing() -> None:
    assert systemd.output(["/nowhere/at/all"]) == ""
