# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SPIRE's programs have the commands and options with which the guides call them. No server is asked, so what the commands do is not checked."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.support import guide_commands
from tests.support.guide_commands import Command

COMMANDS = [
    command for page in guide_commands.GUIDES for command in guide_commands.of_page(page) if guide_commands.SPIRE.match(command.words[0])
]


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_the_program_has_the_command(command: Command, spire_server: Path, spire_agent: Path) -> None:
    program = spire_server if command.words[0].endswith("spire-server") else spire_agent
    words = list(command.words[1:])
    first = next((number for number, word in enumerate(words) if word.startswith("-")), len(words))
    options = [word for word in words[first:] if word.startswith("-")]
    asked = subprocess.run([str(program), *words[:first], "-help"], capture_output=True, text=True, timeout=60, check=False)
    usage = asked.stdout + asked.stderr
    named = re.match(r"Usage of (.+):\n", usage)
    assert named and " ".join(words[:first]).endswith(named[1]), usage
    assert [option for option in options if not re.search(rf"^  {option}\b", usage, re.MULTILINE)] == []


def test_commands_are_found() -> None:
    assert len(COMMANDS) > 4
