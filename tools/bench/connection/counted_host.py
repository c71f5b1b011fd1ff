# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tests' connection to their systemd hosts, with every round trip written down."""

from __future__ import annotations

import os

from tests.hosts.connection import fleet_host

DOCUMENTATION = fleet_host.DOCUMENTATION.replace("name: fleet_host", "name: counted_host")


class Connection(fleet_host.Connection):
    """See DOCUMENTATION."""

    transport = "counted_host"

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = False) -> tuple[int, bytes, bytes]:
        """Runs a command to its end and counts it."""
        with open(os.environ["BENCH_TRIPS"], "a", encoding="utf-8") as file:
            file.write(f"{self.get_option('remote_addr')}\n")
        return super().exec_command(cmd, in_data, sudoable)
