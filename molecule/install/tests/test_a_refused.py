# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs that are refused on bare hosts, with their messages. None of them installs anything."""

from __future__ import annotations

import hashlib
import platform
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.releases import archives
from tests.support import site_run

#: the architectures that the header of a program in the archive `foreign` may have
FOREIGN = ("x86_64", "aarch64")

Snapshot = dict[str, Any]


@pytest.fixture(autouse=True)
def untouched(take_snapshot: Callable[[], Snapshot]) -> Any:
    """Checks after each test that there is no binary, no unit and no service."""
    yield
    for host, observed in take_snapshot().items():
        left = [path for path in observed["paths"] if path.startswith(("/opt/spire/", "/etc/systemd/system/spire-"))]
        assert left == [], host
        assert {facts["LoadState"] for facts in observed["services"].values()} == {"not-found"}, host


def test_a_port_in_use(shell: Callable[..., str]) -> None:
    shell("server1", "systemd-run --quiet --unit=intruder python3 -m http.server 8081")
    shell("server1", "until ss -ltn | grep -q :8081; do sleep 0.2; done")
    try:
        run = site_run.run("site")
    finally:
        shell("server1", "systemctl stop intruder")
    assert run.failed == {
        "server1": "server1: port 8081 is in use by another process (ss -ltnp 'sport = :8081' names it). Stop it, or "
        "choose another port in spire_server_config."
    }


def test_no_binaries_where_they_should_be() -> None:
    run = site_run.run("site", variables={"spire_bin_dir": "/nowhere"})
    assert run.failed == {
        "server1": "server1: /nowhere/spire-server is missing. spire_install_source is preinstalled, so spire-server "
        "must already be in spire_bin_dir (/nowhere); put it there, or choose another spire_install_source."
    }


def test_binaries_of_another_version(version: str) -> None:
    run = site_run.run("site", variables={"spire_version": "1.15.2", "spire_bin_dir": f"/opt/spire-src/{version}/bin"})
    assert run.failed == {
        "server1": f"server1: /opt/spire-src/{version}/bin/spire-server is SPIRE {version}; spire_version is 1.15.2. "
        "Set spire_version to what is installed, or install that release."
    }


@pytest.mark.parametrize(("kind", "pinned"), [("tampered", ""), ("sound", "0" * 64)])
def test_a_checksum_that_does_not_match(
    kind: str, pinned: str, archive: Callable[..., dict[str, str]], page: str, names: archives.ArchiveNames
) -> None:
    run = site_run.run("site", variables=archive(kind, **({"spire_archive_sha256": pinned} if pinned else {})))
    url = f"{page}/{kind}/{names.archive}"
    with urllib.request.urlopen(f"{page}/{kind}/{names.checksums}") as answer:
        wanted = pinned or answer.read().decode().split()[0]
    with urllib.request.urlopen(url) as answer:
        found = hashlib.sha256(answer.read()).hexdigest()
    assert run.failed == {
        "server1": f"{url} can't be downloaded: its checksum did not match {wanted}; it was {found}. Nothing was replaced. "
        "Either it is not what SPIRE released, or spire_archive_sha256 is of another file."
    }


def test_binaries_of_another_architecture(archive: Callable[..., dict[str, str]], names: archives.ArchiveNames, version: str) -> None:
    run = site_run.run("site", variables=archive("foreign"))
    own, other = sorted(FOREIGN, key=lambda machine: machine != platform.machine())
    assert run.failed == {
        "server1": f"/opt/spire/.incoming-server-main/{names.archive}:spire-{version}/bin/spire-server is built for {other}, host "
        f"server1 is {own}"
    }
