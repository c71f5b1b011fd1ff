# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Helpers for the texts of messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


#: the types in words; the first that fits a value counts: a boolean is a number as well
_TYPES: tuple[tuple[Any, str], ...] = (
    (type(None), "null"),
    (bool, "a boolean"),
    (str, "a string"),
    (int, "a whole number"),
    (float, "a number with a fraction"),
    (Mapping, "a mapping"),
)


#: how many names a message lists at most
SHOWN = 10


def some(names: Iterable[str]) -> str:
    """Returns the first names of a list, and how many more there are."""
    listed = list(names)
    more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return f"{', '.join(listed[:SHOWN])}{more}"


def and_list(words: Sequence[str]) -> str:
    """Joins words as a sentence does: "a", "a and b", "a, b and c"."""
    return ", ".join(words[:-1]) + " and " + words[-1] if len(words) > 1 else "".join(words)


def shown(text: str) -> str:
    """Returns a value as messages show it: in quotes, on one line, at most 80 characters."""
    line = " ".join(text.split())
    return f'"{line if len(line) <= 80 else line[:77] + "..."}"'


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Returns the known name that is most like the word, whatever their case; empty where none is like it."""
    by_lower = {name.lower(): name for name in known}
    found = difflib.get_close_matches(word.lower(), by_lower, 1, cutoff)
    return by_lower[found[0]] if found else ""


def did_you_mean(word: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Returns the question of an error message, such as ``did you mean "spire_version"?``; empty where no name is like the word."""
    name = nearest(word, known, cutoff)
    return f'did you mean "{name}"?' if name else ""


def describe(value: Any) -> str:
    """Returns the type of a value in words. A message shows it in place of a value that may be a secret."""
    for kind, words in _TYPES:
        if isinstance(value, kind):
            return words
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        return "a list"
    if hasattr(value, "isoformat"):
        return "a date"
    return f"a value of type {type(value).__name__}"
