# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files and directories that a plan has on its host."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class File:
    """A file that the collection writes as a whole."""

    name: str
    path: str
    content: str
    mode: str
    owner: str
    group: str
    secret: bool = False


@dataclasses.dataclass(frozen=True)
class Directory:
    """A directory that must exist."""

    path: str
    mode: str
    owner: str
    group: str
    #: whether the path may be a symbolic link. It may not where a user other than root could have made the link.
    follow: bool = True
    #: whether a directory that exists already keeps its owner and mode
    keep: bool = False
