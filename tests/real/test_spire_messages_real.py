# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SPIRE's own messages that the page of messages quotes are in SPIRE's programs. Whether SPIRE prints them in that case is not tested here."""

from __future__ import annotations

from pathlib import Path

from tests.support import messages
from tests.support.collection import REPO

SECTION = "SPIRE's own messages"


def test_the_programs_have_the_messages(spire_server: Path, spire_agent: Path) -> None:
    quoted = messages.quoted(REPO / "docs" / "troubleshooting.md", SECTION)
    programs = spire_server.read_bytes() + spire_agent.read_bytes()
    assert len(quoted) > 10
    assert [message for message in quoted if message.encode() not in programs] == []
