# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The differences between clocks of hosts and the controller, and the messages about them."""

from __future__ import annotations

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.common import clocks
from ansible_collections.spire.fleet.plugins.plugin_utils.common.clocks import Clock
from tests.support.authorities import NOW

TOLERATED = 60


def test_a_clock_is_as_far_off_as_is_certain() -> None:
    # The host was asked at 100 and answered at 110, and has read its clock at a time between these.
    assert Clock.between(100, 105, 110).off == 0
    assert Clock.between(100, 100, 110).off == Clock.between(100, 110, 110).off == 0
    assert Clock.between(100, 171, 110).off == 61
    assert Clock.between(100, 39, 110).off == 61
    assert Clock.between(100, 39, 110) == Clock(-71, -61)


@pytest.mark.parametrize(
    ("clock", "expected"),
    [
        (Clock(60, 65), ""),
        (Clock(-65, -60), ""),
        (Clock(61, 65), "its clock is 61 seconds ahead of the controller's: it is 2030-01-02 00:01:01 UTC there"),
        (Clock(-65, -61), "its clock is 61 seconds behind the controller's: it is 2030-01-01 23:58:59 UTC there"),
        (Clock(-7205, -7200), "its clock is 2 hours behind the controller's: it is 2030-01-01 22:00:00 UTC there"),
    ],
)
def test_the_message_about_a_wrong_clock(clock: Clock, expected: str) -> None:
    found = clocks.apart(clock, TOLERATED, NOW)
    assert found == ([f"{expected} and 2030-01-02 00:00:00 UTC here, and spire_clock_tolerance is 60 seconds. Certificates that one of them "
                      "issues are not valid yet, or have expired, for the other. Set the clock that is wrong, and keep it synchronised, for example with "
                      "chrony."] if expected else [])


def test_hosts_among_each_other() -> None:
    """Two clocks that are each within the tolerance of the controller's may be too far from each other."""
    near = {"a": Clock(40, 45), "b": Clock(0, 1), "c": Clock(-30, -20)}
    assert clocks.among(near, TOLERATED) == {}
    assert clocks.among({**near, "c": Clock(-30, -25)}, TOLERATED) == {
        "a": "its clock is 65 seconds ahead of c's: certificates that one of them issues are not valid yet, or have expired, for the other. "
             "Set the clock that is wrong",
        "c": "its clock is 65 seconds behind a's: certificates that one of them issues are not valid yet, or have expired, for the other. "
             "Set the clock that is wrong",
    }
    assert clocks.among({"a": Clock(90, 91)}, TOLERATED) == {}
