# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the version and the architecture of programs."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.spire.fleet.plugins.module_utils.host.observe import binaries


def test_a_version_is_asked_for_where_others_install(tmp_path: Path) -> None:
    binary = tmp_path / "spire-agent"
    assert binaries.binary(str(binary), True) == {"exists": False, "version": "", "machine": ""}
    # These are the bytes of a program for another architecture that the function reads.
    binary.write_bytes(b"\x7fELF\x02\x01" + b"\0" * 12 + b"\xb7\0" + b"\0" * 40)
    binary.chmod(0o755)
    assert binaries.binary(str(binary), True) == {"exists": True, "version": "", "machine": "aarch64"}
    binary.write_text("#!/bin/sh\necho 1.14.7 >&2\n")
    assert binaries.binary(str(binary), True) == {"exists": True, "version": "1.14.7", "machine": ""}
    assert binaries.binary(str(binary), False) == {"exists": True, "version": "", "machine": ""}
