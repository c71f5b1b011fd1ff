# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Downloads releases of SPIRE for the tests, which look for programs in /opt/spire/VERSION/bin.

    python -m tools.spire_release 1.15.3 1.14.7 [--root /opt/spire] [--page https://mirror.acme.com/spire/{version}]

The archives are verified with the checksum files beside them. A release whose programs are there is left alone. The programs are not run.
"""

from __future__ import annotations

import argparse
import hashlib
import platform
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from tests.support import collection, spire_bin

collection.make_importable()

from ansible_collections.spire.fleet.plugins.module_utils.host.programs import ReleaseError
from ansible_collections.spire.fleet.plugins.module_utils.host.release_archive import Source
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.variables import catalogue
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.archives import archive_names

SECONDS = 300


class DownloadError(Exception):
    """A release could not be downloaded, or its checksum is wrong."""


def wanted(version: str, machine: str) -> Iterator[tuple[str, str, list[str]]]:
    """Yields the names of the archives of a release, of their checksum files, and the programs to take from each."""
    archive, checksums = archive_names(version, machine)
    yield archive, checksums, ["spire-server", "spire-agent"]
    extras = [name.replace("spire-", "spire-extras-", 1) for name in (archive, checksums)]
    yield extras[0], extras[1], ["oidc-discovery-provider"]


def fetch(address: str) -> bytes:
    """Returns what is at an address; raises DownloadError."""
    try:
        with urllib.request.urlopen(address, timeout=SECONDS) as answer:
            return bytes(answer.read())
    except OSError as exc:
        raise DownloadError(f"{address}: {exc}") from exc


def install(version: str, root: Path, page: str, machine: str) -> bool:
    """Puts the programs of a release below a directory; returns whether anything was missing. Raises DownloadError."""
    target = root / version / "bin"
    missing = False
    for archive, checksums, programs in wanted(version, machine):
        if all((target / name).is_file() for name in programs):
            continue
        missing = True
        base = page.replace("{version}", version).rstrip("/")
        packed, listed = fetch(f"{base}/{archive}"), fetch(f"{base}/{checksums}").decode()
        digest = hashlib.sha256(packed).hexdigest()
        if digest not in listed.split():
            raise DownloadError(f"{base}/{archive} has the SHA-256 checksum {digest}, which {checksums} does not name")
        target.mkdir(parents=True, exist_ok=True)
        _unpack(packed, version, programs, target)
    return missing


def _unpack(packed: bytes, version: str, programs: list[str], target: Path) -> None:
    """Writes programs of an archive, each whole or not at all; raises DownloadError where one is not in it."""
    with tempfile.TemporaryDirectory() as work:
        archive = Path(work) / "archive.tar.gz"
        archive.write_bytes(packed)
        try:
            source = Source(archive, version, programs)
        except ReleaseError as exc:
            raise DownloadError(str(exc)) from exc
        for name in programs:
            temporary = target / f".{name}"
            source.copy(name, temporary, 0o755)
            temporary.replace(target / name)


def main() -> int:
    """Returns 1 where a release could not be downloaded."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("versions", nargs="+", metavar="VERSION")
    parser.add_argument("--root", type=Path, default=spire_bin.INSTALL_ROOT)
    parser.add_argument("--page", default=str(catalogue()["spire_archive_url"].default))
    given = parser.parse_args()
    for version in given.versions:
        try:
            done = install(version, given.root, given.page, platform.machine())
        except (DownloadError, ValueError) as exc:
            print(f"spire_release: {exc}", file=sys.stderr)
            return 1
        print(f"SPIRE {version} {'was downloaded to' if done else 'is in'} {given.root / version / 'bin'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
