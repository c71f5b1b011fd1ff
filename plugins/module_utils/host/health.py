# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waits for a service's own health check, and reads its log where the check does not pass."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any, Callable

from ansible_collections.spire.fleet.plugins.module_utils.host import systemd

LINES = 20
#: how much of a log file is read for these lines; the file may be large
LAST_BYTES = 64 * 1024
INTERVAL = 0.2
#: after this many restarts by systemd, the wait ends with a failure
RESTARTS = 2
#: a server's error messages for a join token that it will never accept
REFUSED = ("join token does not exist or has already been used", "join token expired")
#: an agent's log message (since 1.0) when it can't attest to its server, and the text in it when the agent does not trust that server
UNREACHED, UNTRUSTED = "could not open attestation stream to SPIRE server", "handshake failed"
#: seconds between two reads of the log
READ_EVERY = 2


class NotHealthy(Exception):
    """The service did not become healthy; ``log`` holds its last lines."""

    def __init__(self, message: str, log: list[str]) -> None:
        super().__init__(message)
        self.log = log


@dataclass(frozen=True)
class Log:
    """Where a service writes its log: the journal of a unit, or a file."""

    unit: str = ""
    file: str = ""

    def tail(self) -> list[str]:
        """Returns the last lines; empty where the log can't be read."""
        if self.unit:
            text = systemd.output(["journalctl", "--no-pager", "--output=cat", "--lines=%d" % LINES, "--unit=" + self.unit])
        else:
            try:
                with open(self.file, "rb") as file:
                    size = file.seek(0, os.SEEK_END)
                    file.seek(max(0, size - LAST_BYTES))
                    text = file.read().decode("utf-8", "replace")
            except OSError:
                text = ""
        return [line for line in text.splitlines() if line.strip()][-LINES:]

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
        run = systemd.show(self.unit, "InvocationID").get("InvocationID")
        if not run:
            return False
        logged = systemd.output(["journalctl", "--no-pager", "--output=cat", "_SYSTEMD_INVOCATION_ID=" + run])
        return any(answer in logged for answer in REFUSED)


def wait(
    client: Any,
    timeout: float,
    log: Log,
    server: str = "",
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> float:
    """Returns the seconds that it took. Raises NotHealthy after ``timeout`` seconds, or earlier where waiting is in vain:
    the process keeps dying, or its join token was refused. ``server`` is the address of the agent's server."""
    started = read = clock()
    before = log.restarts()
    while True:
        health = client.healthcheck() if log.settled() else None
        if health and health.healthy:
            return round(clock() - started, 2)
        died = log.restarts() - before
        if died >= RESTARTS:
            raise NotHealthy("starts and dies, %d times so far" % died, log.tail())
        if clock() - read >= READ_EVERY:
            read = clock()
            if log.refused():
                raise NotHealthy("was refused by its server: the join token is spent, expired or unknown", log.tail())
        if clock() - started >= timeout:
            lines = log.tail()
            unreached = any(UNREACHED in line and UNTRUSTED not in line for line in lines)
            why = ": it does not reach its server" + (server and " at " + server) if unreached else ""
            if health and not health.answered:
                why = ": " + health.message
            raise NotHealthy("is not healthy after %d seconds%s" % (timeout, why), lines)
        sleep(INTERVAL)
