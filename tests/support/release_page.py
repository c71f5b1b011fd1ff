# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Serves a release page on loopback: archives of installed binaries, with the names of SPIRE's releases."""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import http
import http.server
import io
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.releases import archives

PROGRAMS = ("spire-server", "spire-agent")


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files without logging."""

    def __init__(self, *args: Any, login: str = "", **more: Any) -> None:
        self.login = login
        super().__init__(*args, **more)

    def log_message(self, *args: object) -> None:
        """Logs nothing."""

    def do_GET(self) -> None:
        """Answers with the file; asks for the user's name and password if there are any."""
        wanted = base64.b64encode(self.login.encode()).decode()
        if not self.login or self.headers["Authorization"] == f"Basic {wanted}":
            super().do_GET()
            return
        self.send_response(http.HTTPStatus.UNAUTHORIZED)
        self.send_header("WWW-Authenticate", 'Basic realm="releases"')
        self.send_header("Content-Length", "0")
        self.end_headers()


def pack(directory: Path, names: archives.ArchiveNames, binaries: Path, change: Callable[[bytes], bytes] = bytes) -> None:
    """Writes a release's archive of these binaries, and the file with its checksum."""
    directory.mkdir()
    with tarfile.open(directory / names.archive, "w:gz", compresslevel=1) as archive:
        top = names.archive.partition("-linux")[0]
        for program in PROGRAMS:
            content = change((binaries / program).read_bytes())
            member = tarfile.TarInfo(f"{top}/bin/{program}")
            member.size, member.mode = len(content), 0o755
            archive.addfile(member, io.BytesIO(content))
    digest = hashlib.sha256((directory / names.archive).read_bytes()).hexdigest()
    (directory / names.checksums).write_text(f"{digest}  {names.archive}\n", encoding="ascii")


@contextlib.contextmanager
def serve(root: Path, login: str = "") -> Iterator[str]:
    """Serves the files below a directory, to `user:password` alone if that is given; yields the address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=root, login=login))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
