# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waits for a service's own health check."""

from __future__ import annotations

import time
from typing import Any, Callable, Sequence

from ansible_collections.spire.fleet.plugins.module_utils.host.service_log import ServiceLog, Tail

INTERVAL = 0.2
#: after this many restarts by systemd, the wait ends with a failure
RESTARTS = 2
#: an agent's log message (since 1.0) when it can't attest to its server, and the text in it when the agent does not trust that server
UNREACHED, UNTRUSTED = "could not open attestation stream to SPIRE server", "handshake failed"
#: what else is in it where the connection was closed instead, as by a load balancer that has no server
CLOSED = ("handshake failed: EOF", "connection reset by peer")
#: seconds between two reads of the log
READ_EVERY = 2
#: how many seconds a healthy process has for opening its other ports; SPIRE opens them at the same time as its socket
PORT_SECONDS = 5


class NotHealthy(Exception):
    """The service did not become healthy; ``tails`` holds the ends of its logs."""

    def __init__(self, message: str, tails: Sequence[Tail]) -> None:
        super().__init__(message)
        self.tails = list(tails)

    @property
    def log(self) -> list[str]:
        """The last lines of all logs."""
        return [line for tail in self.tails for line in tail.lines]

    def report(self, name: str) -> str:
        """Returns a message that names the service and ends with the last lines of its logs."""
        ends = [f"The end of {tail.source}:\n" + "\n".join(tail.lines) for tail in self.tails]
        return f"{name} {self}. " + ("\n".join(ends) or "It has written no log.")


def wait(
    client: Any,
    timeout: float,
    log: ServiceLog,
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
            raise NotHealthy("starts and dies, %d times so far" % died, log.tails())
        if clock() - read >= READ_EVERY:
            read = clock()
            if log.refused():
                raise NotHealthy("was refused by its server: the join token is spent, expired or unknown", log.tails())
        if clock() - started >= timeout:
            tails = log.tails()
            unreached = any(_unreached(line) for tail in tails for line in tail.lines)
            why = ": it does not reach its server" + (server and " at " + server) if unreached else ""
            if health and not health.answered:
                why = ": " + health.message
            raise NotHealthy("is not healthy after %d seconds%s" % (timeout, why), tails)
        sleep(INTERVAL)


def _unreached(line: str) -> bool:
    """Whether a line of an agent's log says that the agent did not reach its server. A server that it does not trust was reached."""
    return UNREACHED in line and (UNTRUSTED not in line or any(text in line for text in CLOSED))


def wait_for_ports(
    silent: Callable[[], Sequence[str]],
    log: ServiceLog,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Waits until ``silent``, which names the ports that the process has not opened, names none. Raises NotHealthy after PORT_SECONDS."""
    started = clock()
    while True:
        closed = silent()
        if not closed:
            return
        if clock() - started >= PORT_SECONDS:
            raise NotHealthy("is healthy, but does not listen on %s, as its log explains" % " and ".join(closed), log.tails())
        sleep(INTERVAL)
