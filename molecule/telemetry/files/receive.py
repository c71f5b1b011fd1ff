# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Receives datagrams at UDP ports, and appends each to /var/lib/received/PORT as a line of hexadecimal digits."""

from __future__ import annotations

import os
import selectors
import socket
import sys

DIRECTORY = "/var/lib/received"


def main() -> None:
    """Receives until the process is ended."""
    os.makedirs(DIRECTORY, exist_ok=True)
    ready = selectors.DefaultSelector()
    for port in sys.argv[1:]:
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.bind(("0.0.0.0", int(port)))
        ready.register(opened, selectors.EVENT_READ, open(os.path.join(DIRECTORY, port), "a", encoding="ascii", buffering=1))
    while True:
        for key, _events in ready.select():
            key.data.write(key.fileobj.recv(65535).hex() + "\n")


if __name__ == "__main__":
    main()
