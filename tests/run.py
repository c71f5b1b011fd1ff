# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the tiers of tests, and prints a line for each at the end.

    python -m tests.run [TIER...]                          all five when none is named
    python -m tests.run --molecule SCENARIO [--command C]  one Molecule scenario, for work on it

A tier that can't run here is skipped, with the reason. It is a failure when SPIRE_FLEET_REQUIRE names it.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.support import require, tiers

SUMMARY = tiers.BUILD / "summary.txt"
RUNNERS: dict[str, Callable[[], tiers.Outcome]] = {
    "unit": tiers.unit,
    "playbooks": tiers.playbooks,
    "lint": tiers.lint,
    "real": tiers.real,
    "hosts": tiers.hosts,
}
#: These tiers compute. The others wait for a part of their time, and run beside them.
COMPUTING = ("unit", "playbooks", "lint")


def run_tier(name: str, required: bool) -> tiers.Outcome:
    """Runs one tier, and returns its outcome with the seconds that it took; a required tier may not be skipped."""
    start = time.monotonic()
    print(f"=== {name}", flush=True)
    outcome = RUNNERS[name]()
    if outcome.state == "skipped":
        print(f"=== {name}: SKIPPED: {'; '.join(outcome.notes)}", flush=True)
        if required:
            outcome.fail("skipped, but SPIRE_FLEET_REQUIRE names it")
    outcome.notes.append(f"{time.monotonic() - start:.0f} s")
    return outcome


def run_one_by_one(names: list[str], required: Collection[str]) -> dict[str, tiers.Outcome]:
    """Runs tiers one after the other."""
    return {name: run_tier(name, name in required) for name in names}


def run_tiers(names: list[str]) -> int:
    """Runs the tiers and prints a line for each; returns 0 when nothing failed.

    Those that compute run beside the others. The output of a tier of the others is shown when a test file or a scenario has ended.
    """
    required = require.required_tiers()
    start = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(run_one_by_one, [name for name in require.TIERS if name in names and name not in COMPUTING], required)
        # Linux gives each thread its own niceness: SPIRE's processes, which have deadlines, are served first.
        os.nice(5)
        found = run_one_by_one([name for name in COMPUTING if name in names], required)
        found.update(waiting.result())
    outcomes = [found[name] for name in require.TIERS if name in found]
    for outcome in outcomes:
        print("".join(f"=== failed in {outcome.tier}: {cause}\n" for cause in outcome.causes), end="")
    print("=== summary")
    for outcome in outcomes:
        print(outcome.line())
    sentence, counts = summary(outcomes)
    print(f"{sentence}, {time.monotonic() - start:.0f} s in all\n{counts}", flush=True)
    # .ci/run ends with this line, since make adds a line of its own when a tier failed.
    SUMMARY.parent.mkdir(parents=True, exist_ok=True)
    SUMMARY.write_text(f"{sentence}\n{counts}\n", encoding="utf-8")
    return 1 if any(outcome.state == "failed" for outcome in outcomes) else 0


def summary(outcomes: list[tiers.Outcome]) -> tuple[str, str]:
    """Returns a sentence about the tiers, and a line with the numbers of tests; a tier that was skipped counts as one skipped test."""
    failed = [outcome.tier for outcome in outcomes if outcome.state == "failed"]
    skipped = [outcome.tier for outcome in outcomes if outcome.state == "skipped"]
    words = f"ran {sum(outcome.count for outcome in outcomes)} tests and checks"
    words += f", failed: {', '.join(failed)}" if failed else ", nothing failed"
    words += f", SKIPPED TIERS: {', '.join(skipped)}" if skipped else ", no tier skipped"
    numbers = {
        "passed": sum(outcome.passed for outcome in outcomes), "failed": sum(outcome.failed for outcome in outcomes),
        "skipped": len(skipped) + sum(outcome.skipped for outcome in outcomes),
    }
    counts = ", ".join(f"{number} {name}" for name, number in numbers.items())
    return f"tiers: {'FAILED' if failed else 'passed'}: {words}", f"summary: {counts}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tiers", nargs="*", metavar="TIER", help=", ".join(require.TIERS))
    parser.add_argument("--molecule", metavar="SCENARIO")
    parser.add_argument("--command", default="test", help="what molecule does with the scenario")
    given = parser.parse_args()
    unknown = sorted(set(given.tiers) - set(require.TIERS))
    if unknown:
        parser.error(f"no such tier: {', '.join(unknown)}; the tiers are {', '.join(require.TIERS)}")
    # molecule calls ansible-playbook and pytest by name, and both must be the ones installed beside it.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    # Hundreds of processes import the same modules; without files of bytecode each of them would compile all of them.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if given.molecule:
        return tiers.molecule(given.molecule, given.command)
    return run_tiers(given.tiers or list(require.TIERS))


if __name__ == "__main__":
    sys.exit(main())
