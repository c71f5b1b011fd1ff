# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds and ends the processes of a quickstart. No other process is ever ended."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from .place import Place
from .stop import Stop

#: supervisor waits ten seconds for each program
SECONDS = 30.0
COMPONENTS = ("server", "agent")


def _command(pid: int) -> list[str]:
    """Returns the arguments of the process; empty where it has ended."""
    try:
        text = os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return []
    # The file is empty for a process that has ended and that its parent has not reaped yet.
    return text.rstrip("\0").split("\0") if text else []


def alive(pid: int) -> bool:
    """Whether the process still runs. Its ports are free only after its last thread has ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return False
    # The arguments of an ending process vanish before its sockets do. A zombie has none, unless another thread still ends.
    return state not in "XZ" or len(threads) > 1


def supervisor(place: Place) -> int:
    """Returns the process ID of this quickstart's supervisor; 0 where it does not run."""
    paths = place.paths("server")
    try:
        pid = int(Path(paths.supervisor_pid).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0
    # Another process may have this number by now.
    return pid if paths.supervisor_config in _command(pid) else 0


def services(place: Place) -> dict[str, int]:
    """Returns the process IDs of the server and the agent that run with this quickstart's configurations."""
    found = {}
    configs = {place.paths(component).config: component for component in COMPONENTS}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            command = _command(int(entry.name))
            if "run" in command[1:2] and "-config" in command:
                component = configs.get(command[command.index("-config") + 1])
                if component and os.path.basename(command[0]) == f"spire-{component}":
                    found[component] = int(entry.name)
    return found


def end(place: Place) -> list[str]:
    """Ends all processes that this quickstart has started. Returns their names."""
    pid = supervisor(place)
    ended = [f"spire-{component}" for component in sorted(services(place), reverse=True)]
    if pid:
        ended.append("supervisor")
        _end(pid)
    # Services are left only by a supervisor that was killed.
    for left in services(place).values():
        _end(left)
    return ended


def _end(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return
    deadline = time.monotonic() + SECONDS
    while alive(pid):
        if time.monotonic() > deadline:
            raise Stop(f"Process {pid} does not end. Its files stay as they are; look at it, and end it by hand.")
        time.sleep(0.1)
