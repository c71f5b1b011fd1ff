# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Durations that Go accepts are read, and the others have messages."""

from __future__ import annotations

from fractions import Fraction

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.formats.durations import invalid, seconds


@pytest.mark.parametrize(
    ("text", "length"),
    [("0", 0), ("1h30m", 5400), ("1.5s", Fraction(3, 2)), (".5m", 30), ("2.h", 7200), ("-10s", -10), ("+10s", 10), ("3ms", Fraction(3, 1000))],
)
def test_seconds(text: str, length: Fraction | int) -> None:
    assert seconds(text) == length


@pytest.mark.parametrize("text", ["", "1", "1d", "h", "1h 30m", "1H", "9223372037s", "s1"])
def test_what_go_does_not_read_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        seconds(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1h", ""),
        ("2d", '"2d" is not a duration; hours are the longest unit: write "48h".'),
        ("1 week", '"1 week" is not a duration; hours are the longest unit: write "168h".'),
        ("30", '"30" is not a duration; it needs a unit, as in "30s".'),
        ("soon", '"soon" is not a duration; write numbers with the units h, m, s, ms, us or ns, as in "1h30m".'),
        ("-1h", '"-1h" is negative; a duration can\'t be.'),
        ("10s", '"10s" is too short; it must be 1m or longer.'),
        ("24h", '"24h" is too long; it must be shorter than 24h.'),
    ],
)
def test_the_message_says_what_to_write(text: str, message: str) -> None:
    assert invalid(text, minimum="1m", below="24h") == message
