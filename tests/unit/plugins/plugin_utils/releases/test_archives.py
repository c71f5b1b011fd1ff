# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.releases.archives import archive_names
from tests.support.errors import error_of


@pytest.mark.parametrize(
    ("version", "arch", "stem", "checksums"),
    [
        ("1.0.0", "amd64", "spire-1.0.0-linux-x86_64-glibc", "_checksums.txt"),
        ("1.6.3", "x86_64", "spire-1.6.3-linux-x86_64-glibc", "_checksums.txt"),
        ("1.6.4", "amd64", "spire-1.6.4-linux-amd64-glibc", "_sha256sum.txt"),
        ("1.6.4", "arm64", "spire-1.6.4-linux-arm64-glibc", "_sha256sum.txt"),
        ("1.7.6", "aarch64", "spire-1.7.6-linux-arm64-glibc", "_sha256sum.txt"),
        ("1.8.0", "x86_64", "spire-1.8.0-linux-amd64-musl", "_sha256sum.txt"),
        ("1.15.3", "arm64", "spire-1.15.3-linux-arm64-musl", "_sha256sum.txt"),
    ],
)
def test_the_names_of_every_age(version: str, arch: str, stem: str, checksums: str) -> None:
    assert archive_names(version, arch) == (f"{stem}.tar.gz", f"{stem}{checksums}")


@pytest.mark.parametrize(
    ("version", "arch", "text"),
    [
        ("0.12.3", "amd64", "SPIRE 0.12.3 can't be installed from an archive; the first that can is 1.0.0"),
        ("1.6.3", "arm64", "SPIRE 1.6.3 has no archive for arm64; the first that has is 1.6.4"),
        ("1.15.3", "s390x", "SPIRE has no archives for s390x; it has them for amd64 and arm64"),
        ("latest", "amd64", "'latest' is not the number of a SPIRE release, such as 1.15.3"),
        ("../1.15.3", "amd64", "'../1.15.3' is not the number of a SPIRE release, such as 1.15.3"),
    ],
)
def test_what_was_never_released_is_said(version: str, arch: str, text: str) -> None:
    assert error_of(ValueError, archive_names, version, arch) == text
