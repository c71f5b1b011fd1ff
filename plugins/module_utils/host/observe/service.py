# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Observes a service on a host: its process, what that was started with, and its socket."""

from __future__ import annotations

import os
import re
import socket
from typing import Any, Dict, List

from ansible_collections.spire.fleet.plugins.module_utils.host import systemd


def state(asked: Dict[str, Any]) -> Dict[str, Any]:
    """Returns the state of the service that the service manager, systemd or supervisor, reports."""
    if asked["manager"] == "supervisor":
        return _supervised(asked)
    values = systemd.show(asked["name"], "ActiveState", "UnitFileState", "MainPID", "NeedDaemonReload")
    pid = int(values.get("MainPID") or 0)
    return {
        "state": values.get("ActiveState", "unknown"),
        "running": values.get("ActiveState") in ("active", "activating", "reloading") and pid > 0,
        "healthy": values.get("ActiveState") == "active",
        "enabled": values.get("UnitFileState") == "enabled",
        "reload": values.get("NeedDaemonReload") == "yes",
        "pid": pid,
    }


def _supervised(asked: Dict[str, Any]) -> Dict[str, Any]:
    # supervisor answers over its own socket. Without that socket nothing runs.
    shown = systemd.output(asked["control"] + ["status", asked["name"]]) if os.path.exists(asked["control"][0]) else ""
    match = re.search(r"RUNNING\s+pid (\d+)", shown)
    pid = int(match.group(1)) if match else 0
    return {
        "state": "active" if pid else "inactive",
        "running": pid > 0,
        "healthy": pid > 0,
        "enabled": True,
        "reload": False,
        "pid": pid,
    }


def started_with_old_files(stamp: str, planned: Dict[str, str]) -> List[str]:
    """Lists the files whose content at the start of the running process was not the planned one."""
    try:
        with open(stamp, encoding="utf-8") as file:
            started = {line[66:].rstrip("\n"): line[:64] for line in file}
    except OSError:
        return sorted(planned)
    return sorted(path for path, digest in planned.items() if started.get(path) != digest)


def binary_changed(pid: int, binary: str) -> bool:
    """Whether the running process is another program than the one that a start would run now."""
    if not pid:
        return False
    try:
        running = os.stat("/proc/%d/exe" % pid)
    except OSError:
        return False
    try:
        now = os.stat(binary)
    except OSError:
        return True
    return (running.st_dev, running.st_ino) != (now.st_dev, now.st_ino)


def answers(path: str) -> bool:
    """Whether a process accepts connections on this Unix socket."""
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.settimeout(5)
    try:
        client.connect(path)
        return True
    except OSError:
        return False
    finally:
        client.close()
