# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every command of the guides is one that exists, and its playbook is one that a test runs.

What is checked of each kind of command:
- ansible-playbook with a playbook of the collection: the playbook exists, a test or a scenario runs it, its tags exist, each variable after -e
  is documented, and a test outside of this directory names the variable. That a test runs exactly this line, with the same values and
  over such a fleet, is not checked.
- ansible-playbook with another file: an example has it, and a scenario runs it or it imports a playbook of which the above holds.
- make: the target exists. pip and ansible-galaxy: a file after -r exists. ansible: the filters in the line exist.
- spire-server and spire-agent: tests/real/test_guide_commands_real.py asks the programs whether they have the command and its options.
- programs of the system, such as systemctl: only that they are on a list. No test runs these lines.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

import pytest
import yaml

from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.variables import catalogue

from tests.support import guide_commands
from tests.support.collection import REPO
from tests.support.guide_commands import Command

COMMANDS = [command for page in guide_commands.GUIDES for command in guide_commands.of_page(page)]
#: the options that the guides use, and whether a value follows
OPTIONS = {"-i": True, "-e": True, "--limit": True, "--tags": True, "--forks": True, "--check": False, "--diff": False}


def of(program: str) -> list[Command]:
    return [command for command in COMMANDS if command.words[0] == program]


def playbook(command: Command) -> str:
    """Returns the one playbook of a call of ansible-playbook; fails where the line has an option that is not known here."""
    words, found = list(command.words[1:]), []
    while words:
        word = words.pop(0)
        if word.startswith("-"):
            assert word in OPTIONS, word
            if OPTIONS[word]:
                words.pop(0)
        elif not word.startswith("..."):
            found.append(word)
    assert len(found) == 1, found
    return found[0]


@functools.cache
def texts_of_tests() -> str:
    """Returns the text of all tests and scenarios but those of the documentation."""
    files = [file for folder in ("tests", "molecule") for end in ("py", "yml") for file in (REPO / folder).rglob(f"*.{end}")]
    return "\n".join(file.read_text(encoding="utf-8") for file in files if "docs" not in file.parts)


def tags_of(name: str) -> set[str]:
    plays = yaml.safe_load((REPO / "playbooks" / f"{name}.yml").read_text(encoding="utf-8"))
    return {tag for play in plays for tag in play.get("tags", [])}


def wrong_with_playbook(name: str, command: Command) -> list[str]:
    """Returns what is wrong with a command that runs a playbook of the collection."""
    wrong = [] if (REPO / "playbooks" / f"{name}.yml").is_file() else ["there is no such playbook"]
    wrong += [] if wrong or name in guide_commands.tested_playbooks() else ["no test runs it"]
    for variable in (given.partition("=")[0] for given in command.options("-e") if not given.startswith("@")):
        wrong += [] if variable in catalogue() else [f"{variable} is not documented"]
        wrong += [] if re.search(rf"\b{variable}\b", texts_of_tests()) else [f"no test names {variable}"]
    tags = {tag for given in command.options("--tags") for tag in given.split(",")}
    return wrong + [f"there is no tag {tag}" for tag in sorted(tags - (tags_of(name) if not wrong else tags))]


def imported(file: Path) -> list[str]:
    plays = yaml.safe_load(file.read_text(encoding="utf-8"))
    return [play["ansible.builtin.import_playbook"].removeprefix("spire.fleet.") for play in plays if "ansible.builtin.import_playbook" in play]


def wrong_with_file(name: str, command: Command) -> list[str]:
    """Returns what is wrong with a command that runs a playbook which is not named as the collection's."""
    if (REPO / name).is_file():
        return wrong_with_playbook(Path(name).stem, command)
    found = [file for file in REPO.glob(f"examples/*/{name}") if file.is_file()]
    if not found:
        return ["no example has this playbook"]
    if any(f"examples/{file.parent.name}/{name}" in texts_of_tests() for file in found):
        return []
    return [problem for file in found for inner in imported(file) or ["none"] for problem in wrong_with_playbook(inner, command)]


def wrong(command: Command) -> list[str]:
    name = playbook(command)
    if name.startswith("spire.fleet."):
        return wrong_with_playbook(name.removeprefix("spire.fleet."), command)
    return wrong_with_file(name, command)


@pytest.mark.parametrize("command", of("ansible-playbook"), ids=str)
def test_playbooks(command: Command) -> None:
    assert wrong(command) == []


@pytest.mark.parametrize(("line", "problem"), [
    ("ansible-playbook spire.fleet.sites -i inventory.yml", "there is no such playbook"),
    ("ansible-playbook spire.fleet.site -e spire_agents_seriel=5", "spire_agents_seriel is not documented"),
    ("ansible-playbook spire.fleet.site --tags server", "there is no tag server"),
    ("ansible-playbook nowhere.yml", "no example has this playbook"),
])
def test_a_wrong_command_is_found(line: str, problem: str) -> None:
    (words,) = guide_commands.of_block([line])
    assert problem in wrong(Command(REPO / "README.md", words))


def test_commands_are_found() -> None:
    assert len(of("ansible-playbook")) > 40
    assert {command.words[0] for command in COMMANDS} >= {"make", "pip", "ansible-galaxy", "ansible", "systemctl"}
    assert any(guide_commands.SPIRE.match(command.words[0]) for command in COMMANDS)


def test_every_program_is_known() -> None:
    """Checks that no block has a command of a program that nobody has put on a list."""
    assert [str(command) for command in COMMANDS if not guide_commands.is_known(command.words[0])] == []
    for page in guide_commands.GUIDES:
        for block in guide_commands.blocks(page.read_text(encoding="utf-8")):
            assert list(guide_commands.of_block(block)) or not guide_commands.looks_like_a_command(block), (page.name, block[0])
    assert guide_commands.looks_like_a_command(["    curl --fail https://acme.com"])


def test_make_has_the_targets() -> None:
    makefile = (REPO / "Makefile").read_text(encoding="utf-8")
    targets = {name for line in re.findall(r"^([\w -]+):(?!=)", makefile, re.MULTILINE) for name in line.split()}
    assert [str(command) for command in of("make") if command.words[1] not in targets] == []


def test_files_of_requirements_exist() -> None:
    """Checks files that a page names as they are in its own directory, such as an example's, in the clone, or above the clone spire.fleet."""
    given = [(command, file.removeprefix("spire.fleet/")) for command in [*of("pip"), *of("ansible-galaxy")] for file in command.options("-r")]
    assert [str(command) for command, file in given if not (command.page.parent / file).is_file() and not (REPO / file).is_file()] == []


def test_filters_exist() -> None:
    filters = {path.stem for path in (REPO / "plugins" / "filter").glob("*.py")}
    named = {name for command in of("ansible") for word in command.words for name in re.findall(r"\|\s*spire\.fleet\.(\w+)", word)}
    assert named and named <= filters
