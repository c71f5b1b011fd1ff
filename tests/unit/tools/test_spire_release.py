# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Releases for the tests are downloaded once, and only what its checksum file names is used."""

from __future__ import annotations

import hashlib
import io
import stat
import tarfile
from pathlib import Path

import pytest

from tools import spire_release

VERSION = "1.15.3"


@pytest.fixture(name="page")
def fixture_page(tmp_path: Path) -> Path:
    """Returns a directory like a release page: two archives with their checksum files."""
    page = tmp_path / "page" / VERSION
    page.mkdir(parents=True)
    for archive, checksums, programs in spire_release.wanted(VERSION, "x86_64"):
        with tarfile.open(page / archive, "w:gz") as out:
            for name in programs:
                member = tarfile.TarInfo(f"spire-{VERSION}/bin/{name}")
                member.size = len(name)
                out.addfile(member, io.BytesIO(name.encode()))
        (page / checksums).write_text(f"{hashlib.sha256((page / archive).read_bytes()).hexdigest()}  {archive}\n")
    return page


def install(tmp_path: Path) -> bool:
    return spire_release.install(VERSION, tmp_path / "opt", f"file://{tmp_path}/page/{{version}}", "x86_64")


def test_the_programs_are_downloaded_once(tmp_path: Path, page: Path) -> None:
    assert install(tmp_path)
    placed = tmp_path / "opt" / VERSION / "bin"
    assert {path.name: path.read_text() for path in placed.iterdir()} == {
        name: name for name in ("spire-server", "spire-agent", "oidc-discovery-provider")
    }
    assert {stat.S_IMODE(path.stat().st_mode) for path in placed.iterdir()} == {0o755}
    for file in page.iterdir():
        file.unlink()
    assert not install(tmp_path)


def test_another_archive_is_refused(tmp_path: Path, page: Path) -> None:
    (page / f"spire-{VERSION}-linux-amd64-musl.tar.gz").write_bytes(b"somebody else's")
    with pytest.raises(spire_release.DownloadError, match="which spire-1.15.3-linux-amd64-musl_sha256sum.txt does not name"):
        install(tmp_path)
    assert not (tmp_path / "opt").exists()


def test_a_page_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(spire_release.DownloadError, match=f"file://{tmp_path}/page/1.15.3/spire-1.15.3-linux-amd64-musl.tar.gz: "):
        install(tmp_path)
