# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks the sources of rules: a file must exist at its tag, and a Go file must contain the functions.

A source is "pkg/x/y.go (buildConfig), v1.15.3", with "and" and "to" between files and tags, and ";" between sources. Sources that are
not files of SPIRE, such as a guide, are not checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version
from ansible_collections.spire.fleet.plugins.plugin_utils.rules import catalogue as rules_catalogue
from tools.schema_drift.checkout import Source
from tools.schema_drift.compare import Difference

WRONG_SOURCE = "wrong source"

_FILE = re.compile(r"((?:pkg|cmd|doc|support|conf|examples)/[\w./-]*\w|CHANGELOG\.md)(?: \(([^)]*)\))?")
_TAG = re.compile(r"(?<![\w.])v?(\d+\.\d+\.\d+)\b")
_FUNCTIONS = re.compile(r"\w+(?: and \w+)*")


@dataclass(frozen=True)
class Citation:
    """A file at a tag, and functions in it that a rule names."""

    release: str
    path: str
    functions: tuple[str, ...] = ()


def citations(source: str) -> Iterator[Citation]:
    """Yields the files that a rule's source names."""
    for part in source.split(";"):
        tags = _TAG.findall(_FILE.sub("", part))
        for path, words in _FILE.findall(part):
            whole = path.endswith(".go") and _FUNCTIONS.fullmatch(words)
            # in a sentence only words with a capital letter inside are names of functions
            functions = [word for word in re.findall(r"\w+", words) if word != "and" and (whole or re.search("[a-z][A-Z]", word))]
            for tag in tags:
                yield Citation(tag, path, tuple(functions) if path.endswith(".go") else ())


@lru_cache(maxsize=None)
def _all() -> tuple[tuple[str, Citation], ...]:
    return tuple(
        (rule.id, one) for rule in rules_catalogue.everything().values() for variant in rule.variants for one in citations(variant.source)
    )


def differences(source: Source, release: Version) -> list[Difference]:
    """Returns a difference for each source of this release that does not exist."""
    return [
        Difference(where, "", WRONG_SOURCE, f"{one.path}{f' ({lacking})' if lacking else ''}")
        for where, one in dict.fromkeys(_all()) if one.release == str(release)
        for lacking in _lacking(source, one)
    ]


def _lacking(source: Source, one: Citation) -> list[str]:
    """Returns the functions that a file lacks; a single empty name where the file or directory does not exist."""
    if one.path not in source.names and not any(name.startswith(one.path + "/") for name in source.names):
        return [""]
    text = source.files.get(one.path, "")
    return [name for name in one.functions if not re.search(rf"\b{name}\b", text)]
