# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finds out which TCP ports of this host are open, and whether a given process or another one has opened them."""

from __future__ import annotations

import ipaddress
import os
import sys
from typing import Any, Dict, Iterator, List, Optional, Sequence, Set, Tuple

#: TCP_LISTEN in /proc/net/tcp
LISTEN = "0A"


def taken(ports: Sequence[Dict[str, Any]], pid: int) -> List[int]:
    """Returns those of the ports that a process other than ``pid`` keeps from opening; 0 is no process.

    A port that is not ``lasting`` is open now and then, so of a running process it says nothing.
    """
    asked = [one for one in ports if one["lasting"] or not pid]
    own = sockets(pid) if asked and pid else set()
    if own is None:
        return []
    return [one["port"] for one in asked if _listeners(one["address"], one["port"]) - own]


def silent(ports: Sequence[Dict[str, Any]], pid: int) -> List[str]:
    """Names those of the ports without which SPIRE goes on, and which the process has not opened, by number and option."""
    asked = [one for one in ports if one["survived"]]
    own = sockets(pid) if asked else None
    if own is None:
        return []
    return [
        "port %d (%s)" % (one["port"], one["path"]) for one in asked
        if not any(socket in own for _address, socket in _open(one["port"]))
    ]


def sockets(pid: int) -> Optional[Set[str]]:
    """Returns the numbers of the sockets of a process; None where they can't be read, because it has ended or is another user's."""
    directory = "/proc/%d/fd" % pid
    found = set()
    try:
        for name in os.listdir(directory):
            try:
                target = os.readlink(os.path.join(directory, name))
            except FileNotFoundError:
                continue
            if target.startswith("socket:["):
                found.add(target[len("socket:["):-1])
    except OSError:
        return None
    return found


def _listeners(address: str, port: int) -> Set[str]:
    """Returns the sockets that listen on this port, at an address that would keep another process from binding."""
    wanted = _address(address)
    return {
        socket for opened, socket in _open(port)
        if wanted is None or wanted == opened or wanted.is_unspecified or opened.is_unspecified
    }


def _open(port: int) -> Iterator[Tuple[Any, str]]:
    """Yields the address and the number of each socket that listens on this port."""
    suffix = ":%04X" % port
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table, encoding="ascii") as file:
                rows = [line.split() for line in file]
        except OSError:
            continue
        for row in rows:
            if len(row) > 9 and row[1].endswith(suffix) and row[3] == LISTEN:
                yield _kernel_address(row[1].split(":")[0]), row[9]


def _address(text: str) -> Any:
    """Returns the IP address, or None for a name, which may stand for any address."""
    try:
        return ipaddress.ip_address("127.0.0.1" if text == "localhost" else text)
    except ValueError:
        return None


def _kernel_address(text: str) -> Any:
    """Reads an address of /proc/net/tcp, which has 32 bit words in the machine's own byte order."""
    words = [int(text[start:start + 8], 16).to_bytes(4, sys.byteorder) for start in range(0, len(text), 8)]
    address = ipaddress.ip_address(b"".join(words))
    return getattr(address, "ipv4_mapped", None) or address
