# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kills a piece of work before each line that it runs, one after the other.

Standard library only: it also runs on the hosts' versions of Python.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

#: the code that is killed, wherever in it a write happens; what it calls of a library happens between two lines
WRITERS = ("/spire/fleet/plugins/module_utils/", "/spire/fleet/plugins/plugin_utils/")


def kill_at(work: Callable[[], object], moment: int) -> bool:
    """Do the work in a process of its own, killed before the line of this number; whether it was still at work then."""
    child = os.fork()
    if not child:
        code = 1
        try:
            sys.settrace(_killer(moment))
            work()
            code = 0
        finally:
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    assert status == 0 or os.WIFSIGNALED(status), f"the work failed before line {moment}"
    return os.WIFSIGNALED(status)


def moments(work: Callable[[], object], prepare: Callable[[], object], step: int = 1) -> Iterator[int]:
    """Yield after each kill, for the caller to judge what is left; ends with the first run that comes to its end.

    Fails where nothing was killed: work that is done elsewhere would pass whatever it leaves.
    """
    moment = 1
    while True:
        prepare()
        if not kill_at(work, moment):
            assert moment > 1, f"the work came to its end without a line of {' or '.join(WRITERS)}"
            return
        yield moment
        moment += step


def _killer(moment: int) -> Callable[[FrameType, str, Any], Any]:
    observed = 0

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal observed
        if not any(directory in frame.f_code.co_filename for directory in WRITERS):
            return None
        if event == "line":
            observed += 1
            if observed == moment:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    return trace


def descendants(pid: int) -> list[int]:
    """The processes below one, each after its parent."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="ascii", errors="replace") as file:
                    parent = int(file.read().rpartition(")")[2].split()[1])
            except (OSError, IndexError, ValueError):
                continue
            children.setdefault(parent, []).append(int(name))
    found, pending = [], [pid]
    while pending:
        now = pending.pop()
        found.append(now)
        pending += children.get(now, [])
    return found


def kill_tree(pid: int) -> None:
    """Kill a process and everything that it has started, modules on hosts as well, before any of them can clean up."""
    observed: set[int] = set()
    while True:
        fresh = [one for one in descendants(pid) if one not in observed]
        if not fresh:
            break
        for one in fresh:
            observed.add(one)
            _signal(one, signal.SIGSTOP)
    for one in observed:
        _signal(one, signal.SIGKILL)


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
