# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times and lengths of time as messages show them."""

from __future__ import annotations

import datetime

#: the last second that a datetime can hold, in seconds since 1970
_LAST = 253402300799


def words(length: datetime.timedelta) -> str:
    """Returns a length of time in words, in the largest unit of which it has at least two: "36 hours", "2 days"."""
    seconds = int(length.total_seconds())
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} seconds"


def moment(when: datetime.datetime) -> str:
    """Returns a date and time in UTC as messages show it."""
    return f"{when:%Y-%m-%d %H:%M:%S} UTC"


def from_epoch(seconds: int) -> datetime.datetime:
    """Returns the time in UTC that is so many seconds after 1970. SSH certificates without an end have a larger number than fits."""
    return datetime.datetime.fromtimestamp(min(seconds, _LAST), datetime.timezone.utc)
