# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kills a process before a line that it runs, and again before each of the next lines, to simulate crashes.

Standard library only: it also runs on the hosts' versions of Python.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, List, Tuple

from tests.support import sample

#: the code whose lines are counted and killed before; a call of a library happens between two of these lines
WRITERS = ("/spire/fleet/plugins/module_utils/", "/spire/fleet/plugins/plugin_utils/")
#: the module that writes files; a kill between two of its lines may leave half of a file
FILE_WRITER = "/plugins/module_utils/host/atomic_file.py"


#: a line that the work runs: the file, the function and its number
Line = Tuple[str, str, int]


def _in_a_child(work: Callable[[], object], trace: Callable[[FrameType, str, Any], Any], end: Callable[[], object]) -> int:
    """Does the work in a process of its own, with a trace function; returns the status with which that process ended."""
    child = os.fork()
    if not child:
        code = 1
        try:
            sys.settrace(trace)
            work()
            sys.settrace(None)
            end()
            code = 0
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1]


def lines_of(work: Callable[[], object]) -> List[Line]:
    """Does the work in a process of its own, and returns the lines of our code that it ran, in their order."""
    lines: List[Line] = []
    with tempfile.TemporaryFile("w+", encoding="utf-8") as file:

        def end() -> None:
            json.dump(lines, file)
            file.flush()

        status = _in_a_child(work, _tracer(lines.append), end)
        assert status == 0, "the work failed although nothing killed it"
        file.seek(0)
        return [tuple(line) for line in json.load(file)]


def kill_at(work: Callable[[], object], moment: int) -> bool:
    """Does the work in a process of its own that is killed before the line of this number; returns whether it was still at work then."""
    observed = 0

    def count(_line: Line) -> None:
        nonlocal observed
        observed += 1
        if observed == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    status = _in_a_child(work, _tracer(count), lambda: None)
    assert status == 0 or os.WIFSIGNALED(status), f"the work failed before line {moment}"
    return os.WIFSIGNALED(status)


def moments(work: Callable[[], object], prepare: Callable[[], object], number: int = 0) -> Iterator[int]:
    """Yields after each kill, for the caller to check what the killed process left behind; ends with the first run that is not killed.

    It kills before every line, or before a sample of `number` lines that has the first and the last one, each line of the module that
    writes files at least once, and at least one line of each function. Fails where nothing was killed: work that is done elsewhere
    would pass whatever it leaves.
    """
    prepare()
    lines = lines_of(work)
    assert lines, f"the work came to its end without a line of {' or '.join(WRITERS)}"
    every = list(range(1, len(lines) + 1))

    def kind(moment: int) -> Tuple[object, ...]:
        name, function, line = lines[moment - 1]
        return (name, function, line) if name.endswith(FILE_WRITER) else (name, function)

    for moment in sample.sample(every, number or len(every), kind, sample.first_and_last(every), "crashes"):
        prepare()
        if not kill_at(work, moment):
            # A run may have fewer lines than the one whose lines were counted.
            assert moment > 1, "the work ran no line before it came to its end"
            return
        yield moment


def _tracer(note: Callable[[Line], object]) -> Callable[[FrameType, str, Any], Any]:
    """Returns a trace function that calls `note` before each line of our code."""

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        code = frame.f_code
        if not any(directory in code.co_filename for directory in WRITERS):
            return None
        if event == "line":
            note((code.co_filename, code.co_name, frame.f_lineno))
        return trace

    return trace


def descendants(pid: int) -> list[int]:
    """Returns the descendants of a process, and itself; each comes after its parent."""
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
    """Kills a process and everything that it has started, modules on hosts as well, before any of them can clean up."""
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
