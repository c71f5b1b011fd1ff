# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the architecture and the digest of a program.

The drift check of every host imports this module, so it imports little itself.
"""

from __future__ import annotations

import hashlib
import platform
from pathlib import Path
from typing import IO

CHUNK = 1 << 20
HEAD = 64
# e_machine of the ELF header, as `uname -m` calls it.
MACHINES = {3: "i686", 21: "ppc64le", 22: "s390x", 40: "armv7l", 62: "x86_64", 183: "aarch64", 243: "riscv64"}
#: the architectures of SPIRE's releases, with their names in the kernel
RELEASED = {"amd64": "x86_64", "arm64": "aarch64"}
SAME_MACHINE = {**RELEASED, "i386": "i686", "armv6l": "armv7l", "armv8l": "armv7l"}


class ReleaseError(Exception):
    """The reason why a release can't be installed."""


def examine(stream: IO[bytes]) -> tuple[bytes, str]:
    """Returns the first bytes and the SHA-256 of a stream."""
    head = b""
    total = hashlib.sha256()
    for chunk in iter(lambda: stream.read(CHUNK), b""):
        head = head or chunk[:HEAD]
        total.update(chunk)
    return head, total.hexdigest()


def file_digest(path: Path) -> str:
    """Returns the SHA-256 of a file."""
    with path.open("rb") as stream:
        return examine(stream)[1]


def machine() -> str:
    """Returns the host's architecture."""
    name = platform.machine()
    return SAME_MACHINE.get(name, name)


def elf_machine(head: bytes, label: str) -> str:
    """Returns the architecture that an ELF program is built for."""
    if len(head) < 20 or head[:4] != b"\x7fELF":
        raise ReleaseError(f"{label} is no Linux program (it has no ELF header)")
    order = "big" if head[5] == 2 else "little"
    number = int.from_bytes(head[18:20], order)  # type: ignore[arg-type]
    return MACHINES.get(number, f"machine {number}")
