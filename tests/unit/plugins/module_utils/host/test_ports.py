# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real sockets of this process and of others show which ports are taken, and which a process has not opened."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.host import ports
from tests.unit.builders.sockets import listener

METRICS = "telemetry.Prometheus.port"


def asked(port: int, address: str = "127.0.0.1", lasting: bool = True, survived: bool = True) -> dict[str, Any]:
    return {"port": port, "address": address, "path": METRICS, "lasting": lasting, "survived": survived}


def listening(address: str, port: int) -> bool:
    """Whether a port is taken for a process that does not run yet."""
    return ports.taken([asked(port, address)], 0) == [port]


def test_a_port_that_somebody_listens_on() -> None:
    with listener(socket.AF_INET, "127.0.0.1") as made:
        port = made.getsockname()[1]
        for address in ("127.0.0.1", "localhost", "0.0.0.0", "::", "some.name"):
            assert listening(address, port), address
        # The port is free at another address of the same machine.
        assert not listening("127.0.0.2", port)
    assert not listening("127.0.0.1", port)


def test_a_listener_on_every_address() -> None:
    with listener(socket.AF_INET, "0.0.0.0") as made:
        assert listening("127.0.0.2", made.getsockname()[1])


def test_a_connection_is_no_listener() -> None:
    with listener(socket.AF_INET, "127.0.0.1") as made, socket.create_connection(made.getsockname()) as client:
        assert not listening("0.0.0.0", client.getsockname()[1])


def test_a_listener_on_ipv6() -> None:
    if not Path("/proc/net/tcp6").exists():
        pytest.skip("this machine has no IPv6")
    try:
        made = listener(socket.AF_INET6, "::1")
    except OSError as exc:
        pytest.skip(f"this machine has no IPv6 loopback: {exc}")
    with made:
        port = made.getsockname()[1]
        assert listening("::1", port) and listening("::", port)
        assert not listening("127.0.0.1", port)


@pytest.mark.skipif(sys.byteorder != "little", reason="the table is written in the machine's order of bytes")
@pytest.mark.parametrize("text, address", [
    ("0100007F", "127.0.0.1"),
    ("00000000", "0.0.0.0"),
    ("00000000000000000000000001000000", "::1"),
    ("0000000000000000FFFF00000100007F", "127.0.0.1"),
    ("B80D01200000000000000000BEBA0000", "2001:db8::babe"),
])
def test_addresses_of_the_kernel(text: str, address: str) -> None:
    assert str(ports._kernel_address(text)) == address


def test_a_port_of_the_process_itself_is_neither_taken_nor_silent() -> None:
    with listener(socket.AF_INET, "127.0.0.1") as made:
        own = [asked(made.getsockname()[1])]
        assert ports.taken(own, os.getpid()) == []
        assert ports.silent(own, os.getpid()) == []


def test_a_port_of_another_process_is_taken_and_silent(process: "subprocess.Popen[bytes]") -> None:
    with listener(socket.AF_INET, "127.0.0.1") as made:
        port = made.getsockname()[1]
        assert ports.taken([asked(port)], process.pid) == [port]
        assert ports.silent([asked(port)], process.pid) == [f"port {port} (telemetry.Prometheus.port)"]


def test_a_closed_port_is_silent_only_where_spire_goes_on_without_it() -> None:
    with listener(socket.AF_INET, "127.0.0.1") as made:
        port = made.getsockname()[1]
    assert ports.silent([asked(port)], os.getpid()) == [f"port {port} (telemetry.Prometheus.port)"]
    assert ports.silent([asked(port, survived=False)], os.getpid()) == []


def test_a_port_that_is_open_now_and_then_is_taken_only_before_the_start(process: "subprocess.Popen[bytes]") -> None:
    with listener(socket.AF_INET, "127.0.0.1") as made:
        now_and_then = [asked(made.getsockname()[1], lasting=False)]
        assert ports.taken(now_and_then, 0) == [made.getsockname()[1]]
        assert ports.taken(now_and_then, process.pid) == []


def test_a_process_that_has_ended_says_nothing() -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    with listener(socket.AF_INET, "127.0.0.1") as made:
        assert ports.taken([asked(made.getsockname()[1])], ended.pid) == []
        assert ports.silent([asked(1)], ended.pid) == []
