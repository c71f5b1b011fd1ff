# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads what pytest and Molecule leave behind: how many tests passed, and why the others failed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

#: how much of a message the summary of a run shows. The end of it is kept, where a comparison or a task says what is wrong.
CHARACTERS = 1500
#: the lines in which Ansible says that a task failed
FATAL = re.compile(r"^(?:fatal: |failed: |\[ERROR\]: ).*", re.MULTILINE)


@dataclass(frozen=True)
class Counted:
    """The numbers of one pytest report."""

    passed: int = 0
    failed: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    #: each failed test with the end of its message
    causes: tuple[str, ...] = ()

    @property
    def ran(self) -> int:
        return self.passed + self.failed


def count_report(report: Path) -> Counted:
    """Reads a JUnit report. Without a report pytest has died, and nothing is counted."""
    if not report.exists():
        return Counted()
    passed = 0
    causes: list[str] = []
    skipped: dict[str, int] = {}
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        skip = case.find("skipped")
        failure = next((found for found in (case.find("failure"), case.find("error")) if found is not None), None)
        if failure is not None:
            causes.append(f"{case.get('classname')}.{case.get('name')}: {failure.get('message', '')[-CHARACTERS:]}")
        elif skip is not None:
            reason = skip.get("message", "")
            skipped[reason] = skipped.get(reason, 0) + 1
        else:
            passed += 1
    return Counted(passed, len(causes), skipped, tuple(causes))


def causes_in(log: Path) -> list[str]:
    """Returns the last message of a failed task that a scenario printed; empty where no task failed."""
    found = FATAL.findall(log.read_text(encoding="utf-8", errors="replace"))
    return [line[-CHARACTERS:] for line in found[-1:]]
