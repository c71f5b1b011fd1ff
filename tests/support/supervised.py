# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ends the programs that a test started under supervisor, before their directory is removed."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ansible_collections.spire.fleet.plugins.plugin_utils.host.paths import Paths
from playbooks.files.quickstart.processes import alive

#: how long the end of supervisor is awaited; it gives each program ten seconds
SECONDS = 30.0


@contextlib.contextmanager
def directory() -> Iterator[Path]:
    """Makes a directory in which each directory may be a ``spire_root_dir``; ends their supervisors and removes it at the end."""
    # The path of a socket must be short.
    made = Path(tempfile.mkdtemp(prefix="sf-"))
    try:
        yield made
    finally:
        with ThreadPoolExecutor() as pool:
            list(pool.map(end, (path for path in made.iterdir() if path.is_dir())))
        shutil.rmtree(made)


def end(root: Path) -> None:
    """Ends the supervisor of this ``spire_root_dir`` with all its programs, and waits until they have ended.

    Raises RuntimeError if it does not end; does nothing if none was started.
    """
    try:
        pid = int(Path(Paths("server", "main", root=str(root)).supervisor_pid).read_text(encoding="ascii"))
        os.kill(pid, signal.SIGTERM)
    except (OSError, ValueError):
        return
    deadline = time.monotonic() + SECONDS
    while alive(pid):
        if time.monotonic() > deadline:
            raise RuntimeError(f"supervisor, process {pid} of {root}, does not end after {SECONDS:g} s")
        time.sleep(0.1)
