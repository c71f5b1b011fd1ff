# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs several of Molecule's scenarios at once, and measures how long each of their stages takes.

A scenario has hosts, a network and directories of its own, so scenarios don't disturb each other. One run of Ansible leaves a part
of two cores idle, which other scenarios use. Each scenario's output goes to .build/reports/molecule-SCENARIO.log.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.collection import REPO

REPORTS = REPO / ".build" / "reports"
#: how many scenarios run at once, unless SPIRE_FLEET_SCENARIOS_AT_ONCE gives another number
AT_ONCE = 3
#: when the run of the tests began. With SPIRE_FLEET_SECONDS, a scenario that has not begun so many seconds later is left out.
STARTED = time.monotonic()
#: These scenarios are started first. The longest of them begin early, since the whole lasts as long as the one that ends last; the last two have
#: five and eight hosts, and are those that a slow machine may leave out.
FIRST = (
    "default", "install", "nested", "postgres", "mysql", "workloads", "attest", "secrets", "observe", "rotate", "external", "quickstart", "project",
    "connections", "telemetry", "ha_postgres",
)
#: the lines that molecule prints at its start, and before and after each stage
MATRIX = re.compile(r"scenario test matrix: (?P<stages>.*)")
STAGE = re.compile(r"\[[\w-]+ > (?P<verb>[\w-]+)\] (?P<state>Executing$|Executed)")


@dataclass
class Stages:
    """The stages of one scenario with the seconds that each took, read from molecule's output as it comes."""

    seconds: list[tuple[str, float]] = field(default_factory=list)
    _names: list[str] = field(default_factory=list)
    _start: float = 0.0

    def read(self, line: str, now: float) -> str | None:
        """Returns what to print about a stage that ended with this line, or None where none did."""
        matrix, found = MATRIX.search(line), STAGE.search(line.rstrip())
        if matrix:
            self._names = matrix["stages"].split(", ")
        if found is None:
            return None
        if found["state"] == "Executing":
            self._start = now
            return None
        # The line has only the stage's verb. The matrix shows which tests a `verify` ran.
        name = next((name for name in self._names if name.split()[0] == found["verb"]), found["verb"])
        self._names = self._names[self._names.index(name) + 1:] if name in self._names else self._names
        self.seconds.append((name, now - self._start))
        return f"{name.replace('../shared/', '')} {now - self._start:.0f} s"


@dataclass(frozen=True)
class ScenarioRun:
    """A scenario that has ended."""

    scenario: str
    code: int
    seconds: float
    stages: list[tuple[str, float]]
    log: Path
    #: why it did not run; empty where it ran
    left_out: str = ""


def in_order(scenarios: list[str]) -> list[str]:
    """Returns the scenarios in the order in which they are started."""
    return [name for name in FIRST if name in scenarios] + [name for name in scenarios if name not in FIRST]


def why_left_out(now: float) -> str:
    """Returns why a scenario does not run now; empty where it runs."""
    seconds = float(os.environ.get("SPIRE_FLEET_SECONDS") or "inf")
    return f"{seconds:.0f} s are over" if now - STARTED > seconds else ""


def run_scenario(scenario: str) -> ScenarioRun:
    """Runs one scenario in a process of its own, and prints the seconds of each stage when it ends."""
    REPORTS.mkdir(parents=True, exist_ok=True)
    log, stages, start = REPORTS / f"molecule-{scenario}.log", Stages(), time.monotonic()
    why = why_left_out(start)
    if why:
        return ScenarioRun(scenario, 0, 0, [], log, left_out=why)
    command = [sys.executable, "-m", "tests.run", "--molecule", scenario]
    with open(log, "w", encoding="utf-8") as out, subprocess.Popen(
        command, cwd=REPO, env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            out.write(line)
            ended = stages.read(line, time.monotonic())
            if ended:
                print(f"--- {scenario}: {ended}", flush=True)
    return ScenarioRun(scenario, process.returncode, time.monotonic() - start, stages.seconds, log)


def run_scenarios(scenarios: list[str]) -> Iterator[ScenarioRun]:
    """Runs the scenarios, some of them at once, and yields each when it has ended; prints the whole output of one that failed."""
    at_once = int(os.environ.get("SPIRE_FLEET_SCENARIOS_AT_ONCE", AT_ONCE))
    with ThreadPoolExecutor(max_workers=at_once) as pool:
        for ended in as_completed([pool.submit(run_scenario, name) for name in in_order(scenarios)]):
            run = ended.result()
            if run.code:
                print(run.log.read_text(encoding="utf-8"), flush=True)
            ended_as = f"LEFT OUT: {run.left_out}" if run.left_out else f"{run.seconds:.0f} s in all" + (f", FAILED with {run.code}" if run.code else "")
            print(f"--- {run.scenario}: {ended_as}", flush=True)
            yield run
