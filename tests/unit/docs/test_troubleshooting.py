# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every message that the page of messages quotes is said by the collection's code.

What stands for a value in the code, and `...` on the page, match anything, so the test finds a message that was reworded and not one
whose value is of another kind. tests/real/test_spire_messages_real.py looks for SPIRE's own messages in SPIRE's programs.
"""

from __future__ import annotations

import pytest

from tests.support import messages
from tests.support.collection import REPO

PAGE = REPO / "docs" / "troubleshooting.md"
SECTIONS = ("Before a host is touched", "Before something is changed on a host", "While a host is changed", "Verify")
QUOTED = [message for section in SECTIONS for message in messages.quoted(PAGE, section)]


def test_messages_are_found() -> None:
    assert all(messages.quoted(PAGE, section) for section in (*SECTIONS, "SPIRE's own messages"))
    assert len(QUOTED) > 25


@pytest.mark.parametrize("message", QUOTED)
def test_the_collection_says_it(message: str) -> None:
    assert len(" ".join(messages.pieces(message)).split()) > 1
    assert messages.is_said(message)


@pytest.mark.parametrize(("message", "said"), [
    ("the server has banned ...", True),
    ("enrolled again by itself ... the server has banned", False),
    ("the server has bannd ...", False),
])
def test_a_wrong_quotation_is_found(message: str, said: bool) -> None:
    assert messages.is_said(message) is said


def test_strings_of_code_are_read() -> None:
    text = 'x = f"a {b} " "c"\ny = "d %s" % e\nz = "f " + g + " h"\n'
    assert {"a \0 c", "d \0", "f \0 h"} <= set(messages.of_python(text))
    assert list(messages.of_yaml([{"msg": "a {{ b ~ 'c' }} d"}])) == ["a \0 d", "c"]
