# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records what a plan was made from, so that a later task knows whether the plan is still valid.

Fingerprints are SHA-256 digests. They stay in the memory of Ansible's processes: a short password could be guessed from one.
"""

from __future__ import annotations

import hashlib
import marshal
from typing import Any, NamedTuple


class Read(NamedTuple):
    """One thing that was read: the variables ("values") or the "address" of a host, or a "file" of the controller."""

    kind: str
    name: str


def fingerprint(value: Any) -> bytes:
    """Returns the digest of plain data, which differs for 1 and true; empty for other data, such as a date."""
    try:
        # Version 2 of the format has no references, so equal data gives equal bytes.
        return hashlib.sha256(marshal.dumps(value, 2)).digest()
    except ValueError:
        return b""


def fingerprint_of_file(path: str) -> bytes:
    """Returns the fingerprint of a file's content. A file that can't be read has a fingerprint, too."""
    try:
        with open(path, "rb") as file:
            return fingerprint(file.read())
    except OSError as exc:
        return fingerprint(str(exc.errno))
