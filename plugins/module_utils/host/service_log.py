# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the logs of a service: the journal of its unit, and files such as the one that SPIRE's option log_file names."""

from __future__ import annotations

import datetime
import os
import re
import time
from dataclasses import dataclass
from typing import Iterator

from ansible_collections.spire.fleet.plugins.module_utils.host import systemd

LINES = 20
#: how much of a log file is read; the file may be large
LAST_BYTES = 64 * 1024
#: what a server answers where a join token will never be accepted
REFUSED = ("join token does not exist or has already been used", "join token expired")
#: the time at which SPIRE wrote a line, in its formats text and json
TIME = re.compile(r'"?time"?[=:]"?(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d))')


@dataclass(frozen=True)
class Tail:
    """The last lines of one log."""

    source: str
    lines: list[str]


@dataclass(frozen=True)
class ServiceLog:
    """Where a service writes its log: the journal of a unit, files, or both."""

    unit: str = ""
    files: tuple[str, ...] = ()

    def tails(self) -> list[Tail]:
        """Returns the last lines of each log that can be read and is not empty."""
        found = [Tail("its log", _last(self._journal()))]
        # Before SPIRE opens its log file, it writes to the journal or to the file of the service manager.
        named = bool(self.unit) or len(self.files) > 1
        found += [Tail(f"its log {path}" if named else "its log", _last(_end(path))) for path in self.files]
        return [tail for tail in found if tail.lines]

    def restarts(self) -> int:
        """Returns how often systemd has restarted the process by itself."""
        if not self.unit:
            return 0
        number = systemd.show(self.unit, "NRestarts").get("NRestarts", "")
        return int(number) if number.isdigit() else 0

    def settled(self) -> bool:
        """Whether systemd has finished its job for the unit. Until then the process that answers may be the old one."""
        if not self.unit:
            return True
        values = systemd.show(self.unit, "ActiveState", "Job")
        return values.get("ActiveState") == "active" and values.get("Job", "0") in ("", "0")

    def refused(self) -> bool:
        """Whether the server refused the join token of the process that runs now. The process would only try again."""
        if not self.unit:
            return False
        values = systemd.show(self.unit, "InvocationID", "ExecMainStartTimestampMonotonic")
        run, started = values.get("InvocationID"), values.get("ExecMainStartTimestampMonotonic", "")
        if not run:
            return False
        lines = systemd.output(["journalctl", "--no-pager", "--output=cat", "_SYSTEMD_INVOCATION_ID=" + run]).splitlines()
        if started.isdigit() and int(started):
            lines += [line for path in self.files for line in written_since(_end(path), _epoch(int(started)))]
        return any(answer in line for answer in REFUSED for line in lines)

    def _journal(self) -> str:
        if not self.unit:
            return ""
        # On a busy host, the last words of a process that has just died may not be in the journal yet.
        systemd.output(["journalctl", "--sync"])
        return systemd.output(["journalctl", "--no-pager", "--output=cat", "--lines=%d" % LINES, "--unit=" + self.unit])


def written_since(text: str, epoch: float) -> Iterator[str]:
    """Yields the lines of a log of SPIRE from this time on. A line without a time belongs to the one before it."""
    recent = False
    for line in text.splitlines():
        found = TIME.search(line)
        if found:
            written = datetime.datetime.fromisoformat(found.group(1).replace("Z", "+00:00"))
            # SPIRE writes whole seconds.
            recent = written.timestamp() >= int(epoch)
        if recent:
            yield line


def _epoch(monotonic: int) -> float:
    """Returns the time of day for a time of systemd's, in microseconds since the machine was started."""
    return time.time() - time.monotonic() + monotonic / 1e6


def _end(path: str) -> str:
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - LAST_BYTES))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def _last(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()][-LINES:]
