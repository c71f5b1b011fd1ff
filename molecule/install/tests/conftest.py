# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The release pages from which the scenario installs SPIRE."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.releases import archives
from tests.support import release_page

FOREIGN = {"x86_64": 183, "aarch64": 62}


@pytest.fixture(scope="session")
def version() -> str:
    return os.environ["SPIRE_TEST_VERSION"]


@pytest.fixture(scope="session")
def names(version: str) -> archives.ArchiveNames:
    return archives.archive_names(version, platform.machine())


def foreign(program: bytes) -> bytes:
    """Returns the beginning of the same program with the header of another architecture; it is never run."""
    return program[:18] + FOREIGN[platform.machine()].to_bytes(2, "little") + program[20:4096]


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory, names: archives.ArchiveNames) -> Iterator[str]:
    """Yields the address of a page with `sound/`, `foreign/`, and `tampered/`, whose checksum belongs to another archive."""
    root = tmp_path_factory.mktemp("page")
    binaries = Path(os.environ["SPIRE_BIN_DIR"])
    release_page.pack(root / "sound", names, binaries)
    release_page.pack(root / "foreign", names, binaries, foreign)
    (root / "tampered").mkdir()
    (root / "tampered" / names.archive).hardlink_to(root / "foreign" / names.archive)
    (root / "tampered" / names.checksums).hardlink_to(root / "sound" / names.checksums)
    with release_page.serve(root) as address:
        yield address


@pytest.fixture(scope="session")
def archive(page: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, str]]:
    """`archive("sound")` returns the variables that install from that directory of the page."""

    def variables(name: str, **more: str) -> dict[str, str]:
        cache = str(tmp_path_factory.mktemp("cache"))
        return {"spire_install_source": "archive", "spire_archive_url": f"{page}/{name}", "spire_archive_cache": cache, **more}

    return variables
