# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The wait for a healthy service, with a simulated clock."""

from __future__ import annotations

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.host.health import INTERVAL, PORT_SECONDS, NotHealthy, wait, wait_for_ports
from ansible_collections.spire.fleet.plugins.module_utils.host.service_log import Tail
from ansible_collections.spire.fleet.plugins.module_utils.spire.cli import Health
from tests.support.errors import error_of


class World:
    """A simulated service that becomes healthy, dies and is refused at the given seconds, with a clock."""

    def __init__(
        self, healthy_at: float = 1e9, dies_at: tuple[float, ...] = (), slow: float = 0,
        refused_at: float = 1e9, settled_at: float = 0, log_line: str = "its last words", answer: str = "",
    ) -> None:
        self.now = 100.0
        self.refused_at, self.settled_at = refused_at, settled_at
        self.started = self.now
        self.healthy_at, self.dies_at, self.slow = healthy_at, dies_at, slow
        self.asked = 0
        self.log_line = log_line
        #: the reason why the health check can't be run; empty if it can
        self.answer = answer

    def healthcheck(self) -> Health:
        self.asked += 1
        self.now += self.slow
        return Health(self.now - self.started >= self.healthy_at, self.answer, answered=not self.answer)

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def restarts(self) -> int:
        # The process had died five times before the wait began.
        return 5 + sum(1 for time in self.dies_at if self.now - self.started >= time)

    def refused(self) -> bool:
        return self.now - self.started >= self.refused_at

    def settled(self) -> bool:
        return self.now - self.started >= self.settled_at

    def tails(self) -> list[Tail]:
        return [Tail("its log", [self.log_line])]

    def wait(self, timeout: float, server: str = "") -> float:
        return wait(self, timeout, self, server, self.clock, self.sleep)  # type: ignore[arg-type]


def test_what_is_healthy_is_not_waited_for() -> None:
    world = World(healthy_at=0)
    assert world.wait(60) == 0
    assert world.asked == 1


def test_the_time_that_it_took() -> None:
    assert World(healthy_at=3).wait(60) == pytest.approx(3, abs=INTERVAL)


def test_the_time_is_up() -> None:
    world = World()
    with pytest.raises(NotHealthy, match=r"^is not healthy after 10 seconds$") as caught:
        world.wait(10)
    assert caught.value.log == ["its last words"]
    assert world.now - world.started == pytest.approx(10, abs=2 * INTERVAL)


@pytest.mark.parametrize(
    ("error", "server", "why"),
    [
        ("dial tcp 10.0.0.1:9: connect: connection refused", "10.0.0.1:9", ": it does not reach its server at 10.0.0.1:9"),
        ("no children to pick from", "", ": it does not reach its server"),
        ("transport: authentication handshake failed: x509: certificate signed by unknown authority", "10.0.0.1:8081", ""),
        # A load balancer that has no server closes the connection.
        ('\\"transport: authentication handshake failed: EOF\\"', "lb1:8081", ": it does not reach its server at lb1:8081"),
        (
            "transport: authentication handshake failed: read tcp 10.0.0.2:5->10.0.0.1:8081: read: connection reset by peer", "lb1:8081",
            ": it does not reach its server at lb1:8081",
        ),
    ],
)
def test_an_agent_that_does_not_reach_its_server(error: str, server: str, why: str) -> None:
    world = World(log_line=f"could not open attestation stream to SPIRE server: rpc error: code = Unavailable desc = {error}")
    assert error_of(NotHealthy, world.wait, 10, server) == f"is not healthy after 10 seconds{why}"


def test_what_can_not_be_asked() -> None:
    assert error_of(NotHealthy, World(answer="/x/spire-agent does not exist").wait, 10) == "is not healthy after 10 seconds: /x/spire-agent does not exist"


def test_a_slow_health_check_does_not_stretch_the_time() -> None:
    world = World(slow=4)
    with pytest.raises(NotHealthy):
        world.wait(10)
    assert world.now - world.started <= 14


def test_the_process_before_the_restart_does_not_count() -> None:
    assert World(healthy_at=0, settled_at=2).wait(60) == pytest.approx(2, abs=INTERVAL)


def test_a_refused_token_is_not_waited_for() -> None:
    world = World(refused_at=1)
    with pytest.raises(NotHealthy) as caught:
        world.wait(60)
    assert str(caught.value) == "was refused by its server: the join token is spent, expired or unknown"
    assert caught.value.log == ["its last words"]
    assert world.now - world.started < 5


def test_what_keeps_dying_is_not_waited_for() -> None:
    world = World(dies_at=(1, 3))
    with pytest.raises(NotHealthy, match=r"^starts and dies, 2 times so far$") as caught:
        world.wait(60)
    assert caught.value.log == ["its last words"]
    assert world.now - world.started < 4


def test_what_died_once_may_come_up() -> None:
    assert World(healthy_at=5, dies_at=(1,)).wait(60) == pytest.approx(5, abs=INTERVAL)


def test_a_report_has_the_end_of_every_log() -> None:
    problem = NotHealthy("is not healthy after 10 seconds", [Tail("its log", ["one", "two"]), Tail("its log /var/log/a", ["three"])])
    assert problem.report("spire-server@main.service") == (
        "spire-server@main.service is not healthy after 10 seconds. The end of its log:\none\ntwo\nThe end of its log /var/log/a:\nthree"
    )
    assert problem.log == ["one", "two", "three"]
    assert NotHealthy("starts and dies, 2 times so far", []).report("x") == "x starts and dies, 2 times so far. It has written no log."


def wait_for(world: World, opened_at: float) -> None:
    def silent() -> list[str]:
        return [] if world.now - world.started >= opened_at else ["port 9988 (telemetry.Prometheus.port)", "port 80 (health_checks.bind_port)"]

    wait_for_ports(silent, world, world.clock, world.sleep)  # type: ignore[arg-type]


def test_ports_have_some_seconds_to_open() -> None:
    world = World()
    wait_for(world, 2)
    assert world.now - world.started == pytest.approx(2, abs=2 * INTERVAL)


def test_a_port_that_stays_closed_is_not_healthy() -> None:
    world = World(log_line="Prometheus listener stopped unexpectedly")
    with pytest.raises(NotHealthy) as caught:
        wait_for(world, 1e9)
    assert str(caught.value) == (
        "is healthy, but does not listen on port 9988 (telemetry.Prometheus.port) and port 80 (health_checks.bind_port), as its log explains"
    )
    assert caught.value.log == ["Prometheus listener stopped unexpectedly"]
    assert world.now - world.started == pytest.approx(PORT_SECONDS, abs=2 * INTERVAL)
