# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clocks of hosts against the controller's, and against each other."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping

from ansible_collections.spire.fleet.plugins.plugin_utils.common.times import moment, words

_WHY = "certificates that one of them makes are not valid yet, or have expired, for the other"


@dataclasses.dataclass(frozen=True)
class Clock:
    """One host's clock: by how many seconds it is ahead of the controller's. Negative for one that is behind."""

    least: float
    most: float

    @classmethod
    def between(cls, asked: float, there: float, answered: float) -> Clock:
        """From the host's time, which was read some time between two of the controller's."""
        return cls(round(there - answered, 1), round(there - asked, 1))

    @property
    def off(self) -> float:
        """How far it is off at least, without a sign."""
        return max(self.least, -self.most, 0.0)


def apart(clock: Clock, tolerance: int, now: datetime.datetime | None = None) -> list[str]:
    """What to tell of a host whose clock is further off than that."""
    if clock.off <= tolerance:
        return []
    now = now or datetime.datetime.now(datetime.timezone.utc)
    there = now + datetime.timedelta(seconds=clock.least if clock.least > 0 else clock.most)
    side = "ahead of" if clock.least > 0 else "behind"
    return [
        f"its clock is {words(datetime.timedelta(seconds=clock.off))} {side} the controller's: it is {moment(there)} there and "
        f"{moment(now)} here, and spire_clock_tolerance is {tolerance} seconds. {_WHY.capitalize()}. Set the clock that is wrong, and "
        "have it kept, by chrony for example."
    ]


def among(clocks: Mapping[str, Clock], tolerance: int) -> dict[str, str]:
    """The two hosts whose clocks are furthest apart, each with what to tell of it, where that is further than the tolerance."""
    if len(clocks) < 2:
        return {}
    first = max(clocks, key=lambda host: clocks[host].least)
    last = min(clocks, key=lambda host: clocks[host].most)
    distance = clocks[first].least - clocks[last].most
    if distance <= tolerance:
        return {}
    length = words(datetime.timedelta(seconds=distance))
    return {
        first: f"its clock is {length} ahead of {last}'s: {_WHY}. Set the clock that is wrong",
        last: f"its clock is {length} behind {first}'s: {_WHY}. Set the clock that is wrong",
    }
