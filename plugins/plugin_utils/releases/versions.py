# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Knows every release of SPIRE from 0.8.0 on, and makes messages about numbers that are not a release and about releases that came later."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple


class Version(NamedTuple):
    """The number of a SPIRE release."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


# the last patch of each minor release; SPIRE released every patch before it
_LAST_PATCH = {
    (0, 8): 5,
    (0, 9): 4,
    (0, 10): 2,
    (0, 11): 3,
    (0, 12): 3,
    (1, 0): 4,
    (1, 1): 5,
    (1, 2): 5,
    (1, 3): 6,
    (1, 4): 7,
    (1, 5): 6,
    (1, 6): 5,
    (1, 7): 6,
    (1, 8): 11,
    (1, 9): 6,
    (1, 10): 4,
    (1, 11): 3,
    (1, 12): 6,
    (1, 13): 6,
    (1, 14): 7,
    (1, 15): 3,
}

RELEASES: tuple[Version, ...] = tuple(
    Version(major, minor, patch) for (major, minor), last in sorted(_LAST_PATCH.items()) for patch in range(last + 1)
)
OLDEST = RELEASES[0]
DEFAULT = RELEASES[-1]

_KNOWN = frozenset(RELEASES)
_MINORS = sorted(_LAST_PATCH)
_FULL = re.compile(r"v?([0-9]{1,9})\.([0-9]{1,9})\.([0-9]{1,9})", re.ASCII)
_PARTIAL = re.compile(r"v?([0-9]{1,9})(?:\.([0-9]{1,9}))?(?:\.([0-9]{1,9}))?", re.ASCII)


def minor_number(version: Version) -> int:
    """Returns a number for a minor release that increases by one with each minor release: 1.0 follows 0.12."""
    minor = (version.major, version.minor)
    if minor in _LAST_PATCH:
        return _MINORS.index(minor)
    # The release is newer than this collection. A new major release is taken to follow the last minor release that is known.
    return len(_MINORS) + version.minor - (DEFAULT.minor + 1 if version.major == DEFAULT.major else 0)


def way(old: Version, new: Version) -> list[str]:
    """Returns the releases to install one after the other from an old release to a new one: the last patch of each minor release in between."""
    first, last = sorted((minor_number(old), minor_number(new)))
    between = [str(Version(*minor, _LAST_PATCH[minor])) for minor in _MINORS[first + 1:last]]
    highest = max(old, new)
    if highest.major == DEFAULT.major:
        between += [f"the last patch of {highest.major}.{minor}" for minor in range(max(min(old, new).minor, DEFAULT.minor) + 1, highest.minor)]
    return [*(between if old < new else reversed(between)), str(new)]


def is_of_known_minor(version: Version) -> bool:
    """Whether this collection knows the minor release; SPIRE may have published further patches of it since."""
    return (version.major, version.minor) in _LAST_PATCH


def checked_as(version: Version) -> Version:
    """Returns the release whose options and rules a release is checked by: itself, or the newest known patch of its minor release, or the newest."""
    if version in _KNOWN:
        return version
    minor = (version.major, version.minor)
    return Version(*minor, _LAST_PATCH[minor]) if minor in _LAST_PATCH else DEFAULT


def newer_than_collection(version: Version) -> str:
    """Returns a sentence about a release that this collection does not know; empty for one that it knows."""
    known = checked_as(version)
    if version == known:
        return ""
    return f"This collection does not know SPIRE {version}, and checks everything as for {known}, so it does not see what changed between the two."


@lru_cache(maxsize=1024)
def parse(text: str) -> Version:
    """Returns the release with this number, which may be newer than this collection.

    Raises ValueError with the nearest release where SPIRE never had such a release.
    """
    written = str(text).strip()
    match = _FULL.fullmatch(written)
    if not match:
        raise ValueError(
            f'"{written[:40]}" is not the number of a SPIRE release, which has three parts: write "{nearest(written)}".'
        )
    version = Version(*map(int, match.groups()))
    if version < OLDEST:
        raise ValueError(f"SPIRE {version} is older than what is supported: the oldest release is {OLDEST}.")
    if version < DEFAULT and not is_of_known_minor(version):
        raise ValueError(f"SPIRE {version} is a version that SPIRE never had: the nearest release is {nearest(written)}.")
    return version


def parse_known(text: str) -> tuple[Version, str]:
    """Returns the release that a release with this number is checked as, and a warning where that is another one.

    Raises ValueError where SPIRE never had such a release, or where this collection does not know its minor release.
    """
    version = parse(text)
    if not is_of_known_minor(version):
        raise ValueError(f"{unknown_minor(version)}, or write {DEFAULT}.")
    return checked_as(version), newer_than_collection(version)


def unknown_minor(version: Version) -> str:
    """Returns the beginning of a sentence about a release whose minor release this collection does not know."""
    return f"This collection knows SPIRE up to {DEFAULT}. For {version} take a newer collection"


def nearest(text: str) -> Version:
    """Returns the release that is nearest to a number, for suggestions."""
    match = _PARTIAL.match(str(text).strip())
    if not match:
        return DEFAULT
    major, minor, patch = (None if part is None else int(part) for part in match.groups())
    if minor is None:
        return max((v for v in RELEASES if v.major == major), default=DEFAULT)
    same_minor = [v for v in RELEASES if (v.major, v.minor) == (major, minor)]
    if same_minor:
        return same_minor[-1] if patch is None or patch > same_minor[-1].patch else same_minor[patch]
    below = [v for v in RELEASES if (v.major, v.minor) < (major, minor)]
    return below[-1] if below else OLDEST
