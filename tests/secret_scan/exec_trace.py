# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Records the arguments of every process that starts on the tests' hosts, from the kernel's audit.

The kernel copies them when the process starts, so that even the shortest process is recorded, and later changes don't matter.
The login ID of a process identifies its host: tests/hosts gives it to each host's init and to the processes that Ansible starts on
a host, and children inherit it. What a test itself runs on a host has none, and is not traced.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import platform
import re
import select
import signal
import socket
import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

LOGIN_ID = Path("/proc/self/loginuid")
#: the lock that every process holds while it traces
LOCK = Path("/run/spire-fleet-tracing.lock")
#: login IDs of the tests' hosts; 2**32 - 1 is "none"
FIRST_ID, IDS = 3_000_000_000, 1_000_000_000

# linux/audit.h
NETLINK_AUDIT, READ_GROUP = 9, 1
GET, SET, ADD_RULE, DELETE_RULE = 1000, 1001, 1011, 1012
SYSCALL, EXECVE, END_OF_EVENT = 1300, 1309, 1320
MASK_ENABLED, MASK_PID, MASK_BACKLOG = 0x1, 0x4, 0x10
FILTER_EXIT, ALWAYS = 4, 2
FIELD_LOGIN_ID, FIELD_ARCH = 9, 11
EQUAL, LESS, AT_LEAST = 0x40000000, 0x10000000, 0x60000000
#: the number of each architecture in audit, and the numbers of its system calls execve and execveat
MACHINES = {"x86_64": (0xC000003E, (59, 322)), "aarch64": (0xC00000B7, (221, 281))}
BACKLOG = 65536
#: after so many seconds without a record, no more records are expected
SETTLED = 0.3
RECEIVE_BYTES = 64 * 1024 * 1024

HEADER = struct.Struct("=IHHII")
EVENT = re.compile(rb"audit\(\d+\.\d+:(\d+)\): ")
ARGUMENT = re.compile(rb' a(\d+)(?:\[\d+\])?=("[^"]*"|[0-9A-F]+)')
LOGIN = re.compile(rb" auid=(\d+) ")


def login_id(container: str) -> int:
    """Returns the login ID of a host's processes."""
    return FIRST_ID + zlib.crc32(container.encode()) % IDS


def become(container: str) -> None:
    """Gives this process, and those that it starts, the host's login ID. A kernel without audit traces nothing."""
    with contextlib.suppress(OSError):
        LOGIN_ID.write_text(str(login_id(container)), encoding="ascii")


class Audit:
    """The kernel's audit, through its netlink socket."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_AUDIT)
        self.socket.setsockopt(socket.SOL_SOCKET, 33, RECEIVE_BYTES)  # SO_RCVBUFFORCE
        self.socket.bind((0, 0))
        self.sequence = 0
        #: records that arrived while the answer to a request was awaited
        self.early: list[tuple[int, bytes]] = []

    def call(self, kind: int, data: bytes = b"") -> bytes:
        """Sends a request and returns the answer, or the acknowledgement."""
        self.sequence += 1
        # It is a request. The kernel acknowledges it if it has no other answer.
        self.socket.send(HEADER.pack(HEADER.size + len(data), kind, 0x1 if kind == GET else 0x5, self.sequence, 0) + data)
        while True:
            got, sequence, body = self.receive()
            if sequence != self.sequence:
                self.early.append((got, body))
                continue
            if got == 2:  # an acknowledgement, with the number of an error
                (code,) = struct.unpack_from("=i", body)
                if code:
                    raise OSError(-code, os.strerror(-code))
            return body

    def receive(self) -> tuple[int, int, bytes]:
        """Receives one message; returns its kind, its number and its content."""
        message = self.socket.recv(16384)
        _length, kind, _flags, sequence, _port = HEADER.unpack_from(message)
        return kind, sequence, message[HEADER.size:]

    def status(self) -> dict[str, int]:
        names = ("mask", "enabled", "failure", "pid", "rate_limit", "backlog_limit", "lost", "backlog")
        return dict(zip(names, struct.unpack_from("=8I", self.call(GET))))

    def set(self, mask: int, enabled: int = 0, pid: int = 0, backlog: int = 0) -> None:
        self.call(SET, struct.pack("=8I", mask, enabled, 0, pid, 0, backlog, 0, 0) + bytes(16))

    def rule(self, kind: int) -> None:
        """Adds or deletes the rule, which records every execve of a host's process."""
        machine, numbers = MACHINES[platform.machine()]
        fields = ((FIELD_ARCH, machine, EQUAL), (FIELD_LOGIN_ID, FIRST_ID, AT_LEAST), (FIELD_LOGIN_ID, FIRST_ID + IDS, LESS))
        columns = [list(column) + [0] * (64 - len(fields)) for column in zip(*fields)]
        mask = [0] * 64
        for number in numbers:
            mask[number // 32] |= 1 << number % 32
        self.call(kind, struct.pack("=260I", FILTER_EXIT, ALWAYS, len(fields), *mask, *columns[0], *columns[1], *columns[2], 0))


def why_not() -> str:
    """Returns why nothing can be traced here; empty if it can."""
    if platform.machine() not in MACHINES:
        return f"the numbers of {platform.machine()}'s system calls are not known"
    try:
        Audit().status()
    except OSError as exc:
        return f"the kernel's audit can't be had: {exc.strerror}"
    return ""


@contextlib.contextmanager
def enabled(audit: Audit) -> Iterator[None]:
    """Enables audit with our rule, and restores it after the last user of the rule. A machine's own audit daemon is not disturbed."""
    lock = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_SH)
    before = audit.status()
    alone = not before["pid"]
    if alone:
        try:
            audit.set(MASK_PID, pid=os.getpid())
        except FileExistsError:
            # Another process that started at the same moment was quicker.
            alone = False
    if not alone:
        audit.socket.setsockopt(270, 1, READ_GROUP)  # SOL_NETLINK, NETLINK_ADD_MEMBERSHIP
    audit.set(MASK_ENABLED | MASK_BACKLOG, enabled=1, backlog=max(BACKLOG, before["backlog_limit"]))
    with contextlib.suppress(FileExistsError):
        audit.rule(ADD_RULE)
    try:
        yield
    finally:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            audit.rule(DELETE_RULE)
            audit.set(MASK_ENABLED | MASK_BACKLOG, enabled=before["enabled"], backlog=before["backlog_limit"])
        if alone:
            audit.set(MASK_PID)
        os.close(lock)


def arguments(record: bytes) -> dict[int, bytes]:
    """Returns the arguments in one record, by their positions. Long ones come in pieces, in order."""
    found: dict[int, bytes] = {}
    for place, text in ARGUMENT.findall(record):
        piece = text[1:-1] if text.startswith(b'"') else bytes.fromhex(text.decode("ascii"))
        found[int(place)] = found.get(int(place), b"") + piece
    return found


class Events:
    """Assembles the records of each process."""

    def __init__(self) -> None:
        self.open: dict[bytes, tuple[int, dict[int, bytes]]] = {}

    def add(self, kind: int, body: bytes) -> tuple[int, list[bytes]] | None:
        """Adds a record; returns the login ID and the arguments of the process with the last record of its event."""
        match = EVENT.match(body)
        if match is None:
            return None
        serial, record = match[1], b" " + body[match.end():].rstrip(b"\0\n")
        if kind == SYSCALL:
            login = LOGIN.search(record)
            self.open[serial] = (int(login[1]) if login else 0, {})
        elif kind == EXECVE and serial in self.open:
            for place, piece in arguments(record).items():
                known = self.open[serial][1]
                known[place] = known.get(place, b"") + piece
        elif kind == END_OF_EVENT and serial in self.open:
            who, found = self.open.pop(serial)
            return (who, [found[place] for place in sorted(found)]) if found else None
        return None


def write(path: Path) -> None:
    """Traces until SIGTERM: each line is a JSON object with the host's login ID and the arguments; the last has the number of lost records."""
    audit, events = Audit(), Events()
    ending, other = socket.socketpair()
    other.setblocking(False)
    signal.set_wakeup_fd(other.fileno(), warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_arguments: None)
    lost = audit.status()["lost"]
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w", encoding="utf-8", errors="surrogateescape") as out:
        with enabled(audit):
            print("tracing", flush=True)
            waiting: list[socket.socket] = [audit.socket, ending]
            while ready := select.select(waiting, [], [], None if ending in waiting else SETTLED)[0]:
                if ending in ready:
                    # The records in the kernel's queue are still read after the signal.
                    waiting.remove(ending)
                    continue
                try:
                    kind, _sequence, body = audit.receive()
                except OSError as exc:
                    if exc.errno != errno.ENOBUFS:
                        raise
                    lost -= 1
                    continue
                for one in (*audit.early, (kind, body)):
                    done = events.add(*one)
                    if done:
                        argv = [text.decode("utf-8", "surrogateescape") for text in done[1]]
                        out.write(json.dumps({"id": done[0], "argv": argv}, ensure_ascii=False) + "\n")
                        out.flush()
                audit.early.clear()
            lost = audit.status()["lost"] - lost
        out.write(json.dumps({"lost": lost}) + "\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
