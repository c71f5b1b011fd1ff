# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares the clocks of hosts with the controller's clock and with each other."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping

from ansible_collections.spire.fleet.plugins.plugin_utils.common.times import moment, words

_WHY = "certificates that one of them issues are not valid yet, or have expired, for the other"


@dataclasses.dataclass(frozen=True)
class Clock:
    """The smallest and the greatest possible number of seconds that a host's clock is ahead of the controller's; negative if it is behind."""

    least: float
    most: float

    @classmethod
    def between(cls, before: float, there: float, after: float) -> Clock:
        """Returns the clock of a host that read its time ``there`` while the controller's clock went from ``before`` to ``after``."""
        return cls(round(there - after, 1), round(there - before, 1))

    @property
    def off(self) -> float:
        """The least difference to the controller's clock, in seconds and without a sign."""
        return max(self.least, -self.most, 0.0)


def apart(clock: Clock, tolerance: int, now: datetime.datetime | None = None) -> list[str]:
    """Returns the message about a host whose clock differs from the controller's by more than the tolerance; none where it doesn't."""
    if clock.off <= tolerance:
        return []
    now = now or datetime.datetime.now(datetime.timezone.utc)
    there = now + datetime.timedelta(seconds=clock.least if clock.least > 0 else clock.most)
    side = "ahead of" if clock.least > 0 else "behind"
    return [
        f"its clock is {words(datetime.timedelta(seconds=clock.off))} {side} the controller's: it is {moment(there)} there and "
        f"{moment(now)} here, and spire_clock_tolerance is {tolerance} seconds. {_WHY.capitalize()}. Set the clock that is wrong, and "
        "keep it synchronised, for example with chrony."
    ]


def among(clocks: Mapping[str, Clock], tolerance: int) -> dict[str, str]:
    """Returns a message for each of the two hosts whose clocks differ most, where they differ by more than the tolerance."""
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
