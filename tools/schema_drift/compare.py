# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compares the options of a release of SPIRE with our data, and leaves out the differences that known.yml lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import yaml

from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import nearest
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version
from tools.schema_drift.source_options import Options

KNOWN = Path(__file__).parent / "known.yml"

ADDED, REMOVED, RENAMED, TYPE, NEW_BLOCK, NO_BLOCK = "added", "removed", "renamed", "type", "new block", "no block"


@dataclass(frozen=True, order=True)
class Difference:
    """A difference. ``added`` and ``new block`` are only in SPIRE, ``removed`` and ``no block`` only in our data."""

    block: str
    option: str
    kind: str
    detail: str = ""

    def __str__(self) -> str:
        where = f"{self.block}: {self.option}" if self.option else self.block
        return f"{self.kind}: {where}{f' ({self.detail})' if self.detail else ''}"


@dataclass(frozen=True)
class Known:
    """An entry of known.yml. ``where`` is a block, or "block: option", with the wildcards of a shell."""

    kind: str
    where: str
    reason: str
    since: Version | None = None
    until: Version | None = None

    def covers(self, difference: Difference, release: Version) -> bool:
        """Whether the entry explains the difference in this release."""
        if self.kind != difference.kind or (self.since and release < self.since):
            return False
        if self.until and release > self.until:
            return False
        where = f"{difference.block}: {difference.option}" if difference.option else difference.block
        return fnmatchcase(where, self.where)


def differences(theirs: Mapping[str, Options], ours: Mapping[str, Options]) -> list[Difference]:
    """Compares the options of SPIRE's source with those of our data."""
    result = [Difference(name, "", NEW_BLOCK, ", ".join(theirs[name])) for name in theirs.keys() - ours.keys()]
    result += [Difference(name, "", NO_BLOCK) for name in ours.keys() - theirs.keys()]
    for name in theirs.keys() & ours.keys():
        result += _of_block(name, theirs[name], ours[name])
    return sorted(result)


def _of_block(name: str, theirs: Options, ours: Options) -> list[Difference]:
    spelt = {option.lower(): option for option in ours}
    # the decoder ignores case, and a field without a tag has the name of the Go field
    theirs = {spelt.get(option.lower(), option): kind for option, kind in theirs.items()}
    added = {option: theirs[option] for option in theirs if option not in ours}
    removed = {option: ours[option] for option in ours if option not in theirs}
    result = []
    for old, kind in list(removed.items()):
        new = _renamed(old, kind, added)
        if new:
            result.append(Difference(name, old, RENAMED, f"to {new}"))
            del removed[old], added[new]
    result += [Difference(name, option, ADDED, kind) for option, kind in added.items()]
    result += [Difference(name, option, REMOVED) for option in removed]
    for option in theirs.keys() & ours.keys():
        if theirs[option] != ours[option] and theirs[option] != "any":
            result.append(Difference(name, option, TYPE, f"SPIRE {theirs[option]}, data {ours[option]}"))
    return result


def _renamed(old: str, kind: str, added: Options) -> str:
    """Returns the added option that replaced a removed one: it has the same type, and the same name or the same block."""
    inside, _dot, last = old.rpartition(".")
    same_type = [option for option, other in added.items() if other == kind]
    moved = [option for option in same_type if option.rpartition(".")[2] == last]
    beside = [option for option in same_type if option.rpartition(".")[0] == inside]
    if moved:
        return moved[0]
    close = nearest(last, [option.rpartition(".")[2] for option in beside])
    return next((option for option in beside if close and option.rpartition(".")[2] == close), "")


def known(path: Path = KNOWN) -> list[Known]:
    """Returns the entries of known.yml."""
    return [_known(item) for item in yaml.safe_load(path.read_text("utf-8"))]


def _known(item: Mapping[str, str]) -> Known:
    since, until = (_version(item[key]) if key in item else None for key in ("since", "until"))
    return Known(item["kind"], item["where"], item["reason"], since, until)


def _version(text: str) -> Version:
    major, minor, patch = text.split(".")
    return Version(int(major), int(minor), int(patch))


def unlisted(found: Iterable[Difference], listed: Iterable[Known], release: Version) -> list[Difference]:
    """Returns the differences that no entry of known.yml explains."""
    reasons = list(listed)
    return [difference for difference in found if not any(known.covers(difference, release) for known in reasons)]
