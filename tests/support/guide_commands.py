# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finds the commands that the guides tell a reader to type, and the playbooks that tests run."""

from __future__ import annotations

import ast
import functools
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.collection import REPO

GUIDES = sorted([
    REPO / "README.md", REPO / "CONTRIBUTING.md", *(REPO / "docs").glob("*.md"), *REPO.glob("roles/*/README.md"),
    *REPO.glob("examples/*/README.md"),
])
#: SPIRE's own programs, by the path that a guide gives them
SPIRE = re.compile(r"(?:/opt/spire/(?:server|agent)-main/bin/)?(spire-server|spire-agent)$")
#: the first words of commands that a test can check here
CHECKED = {"ansible-playbook", "ansible", "ansible-galaxy", "make", "pip"}
#: programs of the system, of which nothing is checked but that they are on this list
SYSTEM = {
    ".", "cd", "chgrp", "chmod", "export", "git", "groupadd", "journalctl", "jq", "mkdir", "printf", "python3", "systemctl",
}
#: how the functions of tests that run a playbook by its short name are called
RUNNERS = {"run", "start", "site", "fleet", "playbook"}


@dataclass(frozen=True)
class Command:
    """A command of a guide: its page, and its words without variables of the environment before it."""

    page: Path
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page.relative_to(REPO)}: {' '.join(self.words)}"

    def options(self, *names: str) -> list[str]:
        """Returns the values of an option that may come several times."""
        return [value for name, value in zip(self.words, self.words[1:]) if name in names]


def blocks(text: str) -> Iterator[list[str]]:
    """Yields the lines of each block of code without a language: one that is indented, or fenced as a shell's."""
    lines: list[str] = []
    language: str | None = None
    for line in [*text.splitlines(), "end"]:
        fence = re.match(r"```(\w*)", line)
        if language is not None:
            if not fence:
                lines.append(line)
                continue
            if language in ("", "sh", "bash", "shell", "console"):
                yield lines
            lines, language = [], None
        elif line.startswith("    ") or (lines and not line):
            lines.append(line)
        else:
            if lines:
                yield lines
            lines, language = [], fence[1] if fence else None


def of_block(lines: list[str]) -> Iterator[tuple[str, ...]]:
    """Yields the words of each command of a block; nothing for a block whose first line begins with no known program."""
    text = re.sub(r"\\\n\s*", " ", "\n".join(line.strip() for line in lines))
    found = [words for line in text.splitlines() for words in of_line(line)]
    if found and is_known(found[0][0]):
        yield from found


def of_line(line: str) -> Iterator[tuple[str, ...]]:
    """Yields the words of each command of a line, without its comment."""
    try:
        words = shlex.split(re.sub(r"\$\([^)]*\)", "SUBSTITUTED", line), comments=True)
    except ValueError:
        return
    part: list[str] = []
    for word in [*words, ";"]:
        ends = word in ("&&", "|", ";")
        if not ends:
            part.append(word.rstrip(";"))
        if ends or word.endswith(";"):
            if part[:2] == ["sudo", "-u"]:
                part = part[3:]
            while part and (part[0] == "env" or re.match(r"\w+=", part[0]) or part[0] == "SUBSTITUTED"):
                part.pop(0)
            if part:
                yield tuple(part)
            part = []


def is_known(program: str) -> bool:
    return program in CHECKED | SYSTEM or SPIRE.match(program) is not None


def looks_like_a_command(lines: list[str]) -> bool:
    """Tells whether the first line of a block could be a command of a program that is not listed."""
    first = lines[0].strip()
    return re.match(r"(?:[\w./-]*/)?[a-z][a-z0-9_.-]* (?:-|[\w./-]+$|[a-z]+ -)", first) is not None


def of_page(page: Path) -> Iterator[Command]:
    """Yields the commands of a page: those of its blocks, and of text in which a playbook of the collection is named with ansible-playbook."""
    text = page.read_text(encoding="utf-8")
    for block in blocks(text):
        for words in of_block(block):
            yield Command(page, words)
    for line in re.findall(r"`(ansible-playbook [^`]*)`", text):
        for words in of_line(line):
            yield Command(page, words)


@functools.cache
def tested_playbooks() -> frozenset[str]:
    """Returns the playbooks of the collection that a test, its helper or a scenario runs, found by the source of the tests.

    A name counts where it is `spire.fleet.NAME` in the arguments of a call or in a list, or NAME in a call of a function that runs playbooks.
    """
    found: set[str] = set()
    for folder in ("tests/playbooks", "tests/real", "tests/support", "molecule"):
        for file in (REPO / folder).rglob("*.py"):
            found.update(_of_source(file.read_text(encoding="utf-8")))
        for file in (REPO / folder).rglob("*.yml"):
            found.update(re.findall(r"import_playbook: spire\.fleet\.(\w+)", file.read_text(encoding="utf-8")))
    return frozenset(found)


def _of_source(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Call, ast.List)):
            values = [*node.args, *(word.value for word in node.keywords)] if isinstance(node, ast.Call) else node.elts
            given = [value.value for value in values if isinstance(value, ast.Constant) and isinstance(value.value, str)]
            yield from (value.removeprefix("spire.fleet.") for value in given if re.fullmatch(r"spire\.fleet\.\w+", value))
            called = node.func if isinstance(node, ast.Call) else None
            if getattr(called, "attr", getattr(called, "id", "")) in RUNNERS:
                yield from (value for value in given if re.fullmatch(r"\w+", value))
