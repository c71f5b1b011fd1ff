# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations as Go writes them, such as "1h30m"."""

from __future__ import annotations

import datetime
import re
from fractions import Fraction

from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import shown

_UNITS = {
    "ns": Fraction(1, 10**9),
    "us": Fraction(1, 10**6),
    "µs": Fraction(1, 10**6),
    "μs": Fraction(1, 10**6),
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "m": Fraction(60),
    "h": Fraction(3600),
}
_NUMBER = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
_DURATION = re.compile(rf"[+-]?(?:{_NUMBER}(?:ns|us|µs|μs|ms|s|m|h))+", re.ASCII)
_PART = re.compile(rf"({_NUMBER})(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_DAYS = re.compile(r"\s*([0-9]+)\s*(d|days?|w|weeks?)\s*", re.ASCII | re.IGNORECASE)
_NO_UNIT = re.compile(r"\s*[0-9]+\s*", re.ASCII)
_LONGEST = Fraction(2**63 - 1, 10**9)


def seconds(text: str) -> Fraction:
    """Returns the length of a duration in seconds; raises ValueError where the text is not a duration."""
    if text == "0":
        return Fraction(0)
    if not _DURATION.fullmatch(text):
        raise ValueError("not a duration")
    total = sum((Fraction(number.rstrip(".")) * _UNITS[unit] for number, unit in _PART.findall(text)), Fraction(0))
    if total > _LONGEST:
        raise ValueError("longer than Go's longest duration")
    return -total if text.startswith("-") else total


def length(text: str) -> datetime.timedelta:
    """Returns the length of a duration; raises ValueError or OverflowError where the text is not a duration."""
    return datetime.timedelta(seconds=float(seconds(text)))


def invalid(text: str, minimum: str | None = None, below: str | None = None) -> str:
    """Returns why a text is not an allowed duration; empty where it is. A duration must be shorter than ``below``."""
    try:
        value = seconds(text)
    except ValueError:
        return f"{shown(text)} is not a duration; {_hint(text)}."
    if value < 0:
        return f"{shown(text)} is negative; a duration can't be."
    if minimum is not None and value < seconds(minimum):
        return f"{shown(text)} is too short; it must be {minimum} or longer."
    if below is not None and value >= seconds(below):
        return f"{shown(text)} is too long; it must be shorter than {below}."
    return ""


def _hint(text: str) -> str:
    days = _DAYS.fullmatch(text)
    if days:
        hours = int(days[1]) * (24 if days[2].lower().startswith("d") else 168)
        return f'hours are the longest unit: write "{hours}h"'
    if _NO_UNIT.fullmatch(text):
        return f'it needs a unit, as in "{text.strip()}s"'
    return 'write numbers with the units h, m, s, ms, us or ns, as in "1h30m"'
