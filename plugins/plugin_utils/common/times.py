# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times and lengths of time in words."""

from __future__ import annotations

import datetime


def words(length: datetime.timedelta) -> str:
    """A length of time as a person says it, in the largest unit that it has two of."""
    seconds = int(length.total_seconds())
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} seconds"


def moment(when: datetime.datetime) -> str:
    """A date and time in UTC."""
    return f"{when:%Y-%m-%d %H:%M:%S} UTC"
