# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of the files of a SPIRE release: the archive, its checksum file and the directory inside the archive."""

from __future__ import annotations

import re
from typing import NamedTuple

# names of architectures on the release page, by the names that kernels and Go have for them
ARCHITECTURES = {"amd64": "amd64", "x86_64": "amd64", "arm64": "arm64", "aarch64": "arm64"}
FIRST_INSTALLED = (1, 0, 0)
# the first release with an archive for each architecture and with checksum files called _sha256sum.txt
FIRST_ARM64 = (1, 6, 4)
# the first release whose programs are linked statically against musl, and whose archives are named after it
FIRST_MUSL = (1, 8, 0)


class ArchiveNames(NamedTuple):
    """The names of an archive and of its checksum file."""

    archive: str
    checksums: str


def architecture(machine: str) -> str:
    """Returns the release page's name for an architecture; the given name where the page has none."""
    return ARCHITECTURES.get(machine, machine)


def archive_names(version: str, arch: str) -> ArchiveNames:
    """Returns the names of a release's archive; raises ValueError where the release has no archive for the architecture."""
    text = str(version)
    if not re.fullmatch(r"\d+\.\d+\.\d+", text):
        raise ValueError(f"{text!r} is not the number of a SPIRE release, such as 1.15.3")
    number = tuple(int(part) for part in text.split("."))
    if number < FIRST_INSTALLED:
        raise ValueError(f"SPIRE {text} can't be installed from an archive; the first that can is 1.0.0")
    if arch not in ARCHITECTURES:
        raise ValueError(f"SPIRE has no archives for {arch}; it has them for amd64 and arm64")
    machine = architecture(arch)
    if machine == "arm64" and number < FIRST_ARM64:
        raise ValueError(f"SPIRE {text} has no archive for arm64; the first that has is 1.6.4")
    if number >= FIRST_MUSL:
        platform = f"linux-{machine}-musl"
    elif number >= FIRST_ARM64:
        platform = f"linux-{machine}-glibc"
    else:
        platform = "linux-x86_64-glibc"
    stem = f"spire-{text}-{platform}"
    suffix = "_sha256sum.txt" if number >= FIRST_ARM64 else "_checksums.txt"
    return ArchiveNames(f"{stem}.tar.gz", f"{stem}{suffix}")
