# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A release page on loopback, with files of the release's own names, made of binaries that are there."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import http.server
import io
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from ansible_collections.spire.fleet.plugins.plugin_utils import releases

PROGRAMS = ("spire-server", "spire-agent")


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files, and tells nobody."""

    def log_message(self, *args: object) -> None:
        """Says nothing."""


def pack(directory: Path, names: releases.ArchiveNames, binaries: Path, change: Callable[[bytes], bytes] = bytes) -> None:
    """A release's archive of these binaries, and the file with its checksum."""
    directory.mkdir()
    with tarfile.open(directory / names.archive, "w:gz", compresslevel=1) as archive:
        for program in PROGRAMS:
            content = change((binaries / program).read_bytes())
            member = tarfile.TarInfo(f"{names.top}/bin/{program}")
            member.size, member.mode = len(content), 0o755
            archive.addfile(member, io.BytesIO(content))
    digest = hashlib.sha256((directory / names.archive).read_bytes()).hexdigest()
    (directory / names.checksums).write_text(f"{digest}  {names.archive}\n", encoding="ascii")


@contextlib.contextmanager
def serve(root: Path) -> Iterator[str]:
    """The address at which the files below this directory are served."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=root))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
