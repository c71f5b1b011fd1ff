# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sockets that listen."""

from __future__ import annotations

import socket


def listener(family: socket.AddressFamily, address: str) -> socket.socket:
    """Returns a socket that listens on a free port of this address."""
    made = socket.socket(family)
    made.bind((address, 0))
    made.listen(1)
    return made
