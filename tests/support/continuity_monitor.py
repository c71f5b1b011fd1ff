# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A workload that receives SVIDs from the Workload API's stream, and writes once a second which ones it has.

    python continuity_monitor.py SOCKET FILE

A line of FILE is a JSON object: the second, the chain and the bundle, each certificate in base64 of DER. Private keys are dropped.
"""

from __future__ import annotations

import base64
import json
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc

METHOD = "/SpiffeWorkloadAPI/FetchX509SVID"


def fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Yields the fields of a protobuf message that are bytes; these messages have no others of interest."""
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return value

    while at < len(message):
        key = varint()
        if key & 7 != 2:
            varint()
            continue
        length = varint()
        yield key >> 3, message[at:at + length]
        at += length


def certificates(data: bytes) -> list[str]:
    """Returns certificates that are concatenated in DER, each in base64."""
    found = []
    while data:
        octets = data[1] & 0x7F if data[1] & 0x80 else 0
        length = 2 + octets + (int.from_bytes(data[2:2 + octets], "big") if octets else data[1])
        found.append(base64.b64encode(data[:length]).decode())
        data = data[length:]
    return found


def held(response: bytes) -> list[dict[str, Any]]:
    """Returns the SVIDs of one response: the ID, the chain and the bundle."""
    svids = []
    for number, value in fields(response):
        if number == 1:
            one = dict(fields(value))
            svids.append({"id": one[1].decode(), "chain": certificates(one[2]), "bundle": certificates(one[4])})
    return svids


@dataclass
class Monitor:
    """Keeps the stream open, and holds the SVIDs that arrived last."""

    socket: str
    svids: list[dict[str, Any]] = field(default_factory=list)
    updates: int = 0
    ends: int = 0

    def watch(self) -> None:
        while True:
            try:
                with grpc.insecure_channel(f"unix:{self.socket}", options=[("grpc.default_authority", "localhost")]) as channel:
                    call = channel.unary_stream(METHOD, request_serializer=bytes, response_deserializer=bytes)
                    for response in call(b"", metadata=[("workload.spiffe.io", "true")]):
                        self.svids = held(response)
                        self.updates += 1
            except grpc.RpcError:
                self.ends += 1
                time.sleep(0.5)


def main(socket: str, path: str) -> None:
    monitor = Monitor(socket)
    threading.Thread(target=monitor.watch, daemon=True).start()
    with open(path, "a", encoding="ascii") as file:
        while True:
            second = int(time.time())
            line = {"second": second, "updates": monitor.updates, "ends": monitor.ends, "svids": monitor.svids}
            file.write(json.dumps(line) + "\n")
            file.flush()
            time.sleep(max(0.0, second + 1 - time.time()))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
