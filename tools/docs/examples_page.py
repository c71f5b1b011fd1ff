# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes docs/examples.md from the head comments of the examples and from guides.yml.

    python -m tools.docs.examples_page
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.support import collection

PAGE = collection.REPO / "docs" / "examples.md"
EXAMPLES = collection.REPO / "examples"
GUIDES = Path(__file__).with_name("guides.yml")
#: the sections in order; the row of an example begins with the name of one
SECTIONS = {
    "start": "Where to start",
    "node attestor": "Node attestors",
    "workload attestor": "Workload attestors",
    "datastore": "Datastores",
    "key manager": "Key managers",
    "upstream authority": "Upstream authorities",
    "telemetry": "Telemetry",
    "logging": "Logging",
    "federation": "Federation",
    "other plugins": "Other plugins",
    "fleet": "Whole fleets",
}
INTRODUCTION = """\
<!-- Made by `make docs` from the comments of the examples and from tools/docs/guides.yml. Changes made here are lost. -->
# Examples

Each directory of [examples](../examples) is one inventory that shows one thing and explains it. Tests check every
inventory with preflight, and its configuration files with SPIRE's own `validate`. Try one in place:

    ansible-playbook spire.fleet.site -i examples/minimal/inventory.yml --tags preflight

Some examples read secrets from environment variables, which their first comment names. Without them preflight refuses the inventory.
[check.env](../examples/check.env) sets all of them to a value that is no secret, so that you can check an example without the secrets:

    env $(cat examples/check.env) ansible-playbook spire.fleet.site -i examples/ha_postgres/inventory.yml --tags preflight

In a fleet of your own use Ansible Vault (`!vault`) or the lookup plugin of your own store of secrets.
"""
ABSENT = """\
There is no example for the workload attestor `windows`: SPIRE refuses it on Linux, and the collection supports Linux hosts only. Its
selectors are in [selectors.md](selectors.md).
"""
NOT_VALIDATED_SECTION = """\
## Examples that SPIRE's validate does not check

SPIRE's `validate` can't check these examples, because it needs more than a file:

"""


@dataclass(frozen=True)
class Example:
    """An example and its own description."""

    name: str
    section: str
    row: str
    description: str


def read(name: str) -> Example:
    """Returns the example that the first comment of its inventory describes; raises ValueError where the comment is incomplete."""
    lines = (EXAMPLES / name / "inventory.yml").read_text(encoding="utf-8").splitlines()
    head = []
    for line in lines[1:]:
        if not line.startswith("# "):
            break
        head.append(line[2:])
    rows = [line.removeprefix("Row: ") for line in head if line.startswith("Row: ")]
    if lines[0] != "---" or len(rows) != 1 or not head[-1].startswith("Row: ") or len(head) < 2:
        raise ValueError(f"{name} must begin with a comment that describes it and ends in one line `# Row: <section>: <what>`")
    section, _colon, row = rows[0].partition(": ")
    if section not in SECTIONS or not row:
        raise ValueError(f"{name} has the row {rows[0]}, and the sections are {', '.join(SECTIONS)}")
    return Example(name, section, row, " ".join(head[:-1]))


def names() -> list[str]:
    """Returns the names of all examples."""
    return sorted(path.parent.name for path in EXAMPLES.glob("*/inventory.yml"))


def guides() -> list[dict[str, Any]]:
    """Returns the contents of guides.yml."""
    found: list[dict[str, Any]] = yaml.safe_load(GUIDES.read_text(encoding="utf-8"))
    return found


def page() -> str:
    """Returns the whole page."""
    collection.make_importable()
    from tests.support.examples import NOT_VALIDATED

    found = [read(name) for name in names()]
    parts = [INTRODUCTION]
    for section, title in SECTIONS.items():
        parts.append("\n".join(_section(title, [example for example in found if example.section == section])))
        if section == "workload attestor":
            parts.append(ABSENT)
    parts.append("\n".join(_guides()))
    parts.append(NOT_VALIDATED_SECTION + "".join(f"- `{name}`: {why}\n" for name, why in NOT_VALIDATED.items()))
    return "\n".join(parts)


def _section(title: str, examples: list[Example]) -> Iterator[str]:
    yield f"## {title}\n"
    yield "| | example | what it shows |"
    yield "|---|---|---|"
    for example in sorted(examples, key=lambda one: one.row.lower() if one.section != "start" else str(_start(one))):
        first = example.description.split(". ", 1)[0].rstrip(".")
        yield f"| {_cell(example.row)} | {_link(example.name)} | {_cell(first)}. |"
    yield ""


def _start(example: Example) -> int:
    return ["minimal", "groups_layers", "agents_only", "archive_mirror", "awx", example.name].index(example.name)


def _guides() -> Iterator[str]:
    yield "## The guides to configuring SPIRE\n"
    yield "These tables list every configuration and every piece of advice in the guides to configuring SPIRE, with the example or page that has it.\n"
    for guide in guides():
        yield f"### {guide['guide']}\n"
        yield "| configuration | example |"
        yield "|---|---|"
        for piece in guide["configurations"]:
            yield f"| {_cell(piece['what'])} | {_link(piece['example'])} |"
        yield "\n| advice | page |"
        yield "|---|---|"
        for advice in guide["advice"]:
            yield f"| {_cell(advice['what'])} | {_page(advice['where'])} |"
        yield ""


def _page(path: str) -> str:
    """Returns the link to the heading of a page, to a rule or to an example."""
    parts = path.split("/")
    if parts[0] == "examples":
        return _link(parts[1])
    return f"[{path.removeprefix('docs/')}]({path.removeprefix('docs/')})"


def _link(name: str) -> str:
    return f"[{name}](../examples/{name}/inventory.yml)"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main(target: Path = PAGE) -> None:
    """Writes the page."""
    target.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
