# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Times and lengths of time in words."""

from __future__ import annotations

import datetime

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.common.times import from_epoch, moment, words


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 seconds"), (119, "119 seconds"), (120, "2 minutes"), (7200, "2 hours"), (172799, "47 hours"), (172800, "2 days")]
)
def test_a_length_of_time(seconds: int, text: str) -> None:
    assert words(datetime.timedelta(seconds=seconds)) == text


def test_a_time_since_1970() -> None:
    assert moment(from_epoch(86400)) == "1970-01-02 00:00:00 UTC"


def test_an_ssh_certificate_without_an_end_ends_with_the_calendar() -> None:
    assert moment(from_epoch(2**64 - 1)) == "9999-12-31 23:59:59 UTC"
