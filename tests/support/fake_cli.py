# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replaces SPIRE's commands, for answers that a test can't get from a real SPIRE."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Union

from ansible_collections.spire.fleet.plugins.module_utils.spire.cli import Completed

Answer = Union[Completed, Exception, Callable[[str], Completed]]


def say(value: Any) -> Completed:
    """Returns the result of a command that prints JSON and succeeds."""
    return Completed(0, json.dumps(value) + "\n", "")


def fail(stderr: str, stdout: str = "") -> Completed:
    """Returns the result of a command that fails early, with plain text even where JSON was requested."""
    return Completed(1, stdout, stderr)


@dataclass
class FakeCli:
    """Returns the answer for the words of a command: FakeCli({"entry show": say({...})}). A list has an answer for each call."""

    answers: dict[str, Any]
    calls: list[tuple[list[str], str]] = field(default_factory=list)

    def __call__(self, argv: Sequence[str], stdin: str, timeout: float) -> Completed:
        self.calls.append((list(argv), stdin))
        line = " ".join(argv[1:])
        for words, answer in self.answers.items():
            if line.startswith(words):
                if isinstance(answer, list):
                    answer = answer.pop(0)
                if isinstance(answer, Exception):
                    raise answer
                return answer if isinstance(answer, Completed) else answer(stdin)
        raise AssertionError(f"unexpected command: {line}")

    def commands(self) -> list[str]:
        """Returns the commands that were run, without their options."""
        found = []
        for argv, _stdin in self.calls:
            words = []
            for word in argv[1:]:
                if word.startswith("-") and words:
                    break
                words.append(word)
            found.append(" ".join(words))
        return found
