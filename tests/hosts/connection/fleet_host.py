# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs modules on the tests' systemd hosts by entering their namespaces.

podman's own connection plugin starts podman several times for each task, and can't pipeline. On a small machine that takes
most of the time of a test run.
"""

from __future__ import annotations

DOCUMENTATION = r"""
name: fleet_host
short_description: Run tasks on the systemd hosts of the tests
description: Enters the namespaces of a container that tests/hosts/fleet has started.
author: spire.fleet contributors (@spire-fleet)
extends_documentation_fragment: [connection_pipelining]
options:
  remote_addr:
    description: The container's name.
    default: inventory_hostname
    vars:
      - name: inventory_hostname
      - name: ansible_host
  remote_user:
    description: Always root.
    default: root
    vars:
      - name: ansible_user
  umask:
    description: The umask of a login on the host, in octal digits.
    default: "022"
    vars:
      - name: fleet_host_umask
"""

import contextlib
import functools
import os
import subprocess
from pathlib import Path
from typing import IO

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection import ConnectionBase

PIDS = Path("/run/spire-fleet-hosts/pids")
NAMESPACES = ("--mount", "--uts", "--ipc", "--net", "--pid")
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "USER": "root"}


def _become_process_of(pid: str, umask: str) -> None:
    """Gives this process the umask of a login, and the login ID by which tests/secret_scan/exec_trace.py recognises the host's processes."""
    os.umask(int(umask, 8))
    with contextlib.suppress(OSError):
        Path("/proc/self/loginuid").write_bytes(Path(f"/proc/{pid}/loginuid").read_bytes())


class Connection(ConnectionBase):
    """See DOCUMENTATION."""

    transport = "fleet_host"
    has_pipelining = True

    def _connect(self) -> Connection:
        self._connected = True
        return self

    def _enter(self, argv: list[str], given: bytes | None = None, stdin: IO[bytes] | None = None) -> tuple[int, bytes, bytes]:
        """Runs a command inside the host's namespaces; its standard input is `stdin`, or the bytes `given`."""
        name = self.get_option("remote_addr")
        try:
            pid = (PIDS / name).read_text(encoding="ascii").strip()
        except OSError as exc:
            raise AnsibleConnectionFailure(f"{name} is not a host of tests/hosts/fleet: {exc}") from exc
        if not pid or not os.path.exists(f"/proc/{pid}"):
            raise AnsibleConnectionFailure(f"{name} is not running")
        done = subprocess.run(
            ["nsenter", f"--target={pid}", *NAMESPACES, "--", *argv],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT, check=False,
            **({"input": given or b""} if stdin is None else {"stdin": stdin}),
            preexec_fn=functools.partial(_become_process_of, pid, self.get_option("umask")),
        )
        # A host that goes down takes all its processes along.
        if done.returncode < 0 or not os.path.exists(f"/proc/{pid}"):
            raise AnsibleConnectionFailure(f"{name} went down")
        return done.returncode, done.stdout, done.stderr

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = False) -> tuple[int, bytes, bytes]:
        """Runs a command and waits for its end."""
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        return self._enter(["/bin/sh", "-c", cmd], in_data)

    def put_file(self, in_path: str, out_path: str) -> None:
        """Copies a file to the host."""
        super().put_file(in_path, out_path)
        # The host's own process reads the file: SPIRE's programs are too large to be passed through Ansible's memory.
        with open(in_path, "rb") as file:
            code, _out, error = self._enter(["/bin/sh", "-c", 'cat >"$0"', out_path], stdin=file)
        if code:
            raise AnsibleConnectionFailure(f"{out_path} can't be written: {error.decode(errors='replace')}")

    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Copies a file from the host."""
        super().fetch_file(in_path, out_path)
        code, content, error = self._enter(["cat", in_path])
        if code:
            raise AnsibleConnectionFailure(f"{in_path} can't be read: {error.decode(errors='replace')}")
        Path(out_path).write_bytes(content)

    def close(self) -> None:
        """Does nothing: each command has a process of its own, and none stays open."""
        self._connected = False
