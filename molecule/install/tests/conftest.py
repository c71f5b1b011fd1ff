# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A release page on loopback, with files of the release's own names."""

from __future__ import annotations

import functools
import hashlib
import http.server
import io
import os
import platform
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils import releases

PROGRAMS = ("spire-server", "spire-agent")
FOREIGN = {"x86_64": 183, "aarch64": 62}


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # pylint: disable=redefined-builtin
        """Says nothing."""


@pytest.fixture(scope="session")
def version() -> str:
    return os.environ["SPIRE_TEST_VERSION"]


@pytest.fixture(scope="session")
def names(version: str) -> releases.ArchiveNames:
    return releases.archive_names(version, platform.machine())


def pack(directory: Path, names: releases.ArchiveNames, change: Callable[[bytes], bytes] = bytes) -> None:
    """A release's archive of this machine's own binaries, and the file with its checksum."""
    directory.mkdir()
    with tarfile.open(directory / names.archive, "w:gz", compresslevel=1) as archive:
        for program in PROGRAMS:
            content = change(Path(os.environ["SPIRE_BIN_DIR"], program).read_bytes())
            member = tarfile.TarInfo(f"{names.top}/bin/{program}")
            member.size, member.mode = len(content), 0o755
            archive.addfile(member, io.BytesIO(content))
    digest = hashlib.sha256((directory / names.archive).read_bytes()).hexdigest()
    (directory / names.checksums).write_text(f"{digest}  {names.archive}\n", encoding="ascii")


def foreign(program: bytes) -> bytes:
    """The beginning of the same program for the other architecture; nobody ever runs it."""
    return program[:18] + FOREIGN[platform.machine()].to_bytes(2, "little") + program[20:4096]


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory, names: releases.ArchiveNames) -> Iterator[str]:
    """The address of a page with `sound/`, `foreign/`, and `tampered/` where the checksum is of another archive."""
    root = tmp_path_factory.mktemp("page")
    pack(root / "sound", names)
    pack(root / "foreign", names, foreign)
    (root / "tampered").mkdir()
    (root / "tampered" / names.archive).hardlink_to(root / "foreign" / names.archive)
    (root / "tampered" / names.checksums).hardlink_to(root / "sound" / names.checksums)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=root))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


@pytest.fixture(scope="session")
def archive(page: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, str]]:
    """`archive("sound")`: the variables that install from there."""

    def variables(name: str, **more: str) -> dict[str, str]:
        cache = str(tmp_path_factory.mktemp("cache"))
        return {"spire_install_source": "archive", "spire_archive_url": f"{page}/{name}", "spire_archive_cache": cache, **more}

    return variables
