# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Databases that answer as a test tells them, and connections to them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ansible_collections.spire.fleet.plugins.module_utils.host.database.common import Address, Target
from tests.unit.builders.sockets import listener

PASSWORD = "planted-secret-d41f"


@contextmanager
def database(answer: Callable[[socket.socket], object]) -> Iterator[int]:
    """Runs a server on loopback that gives each connection to ``answer``; returns its port. Its errors are those of the test."""
    errors: list[BaseException] = []

    def serve() -> None:
        while True:
            try:
                one, _peer = listening.accept()
            except OSError:
                return
            with one:
                try:
                    answer(one)
                except ConnectionError:
                    pass  # the client has ended the connection
                except BaseException as exc:
                    errors.append(exc)

    listening = listener(socket.AF_INET, "127.0.0.1")
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()
    if errors:
        raise errors[0]


def target(port: int, **more: Any) -> Target:
    """Returns how to connect to a port of loopback, without TLS unless ``more`` says otherwise."""
    given: dict[str, Any] = {
        "addresses": [Address("localhost", "127.0.0.1", port)], "user": "spire", "password": PASSWORD, "database": "spire", "settings": {},
        "modes": ["disable"], "timeout": 0.5,
    }
    return Target(**{**given, **more})


def exactly(connection: socket.socket, size: int) -> bytes:
    """Returns this many bytes of a connection."""
    found = b""
    while len(found) < size:
        part = connection.recv(size - len(found))
        if not part:
            raise ConnectionError
        found += part
    return found
