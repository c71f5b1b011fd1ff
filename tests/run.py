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
#: these tiers compute while tests against a real SPIRE wait
BESIDE_REAL = ("unit", "playbooks", "lint")


def run_tier(name: str, required: bool, log: Path | None = None) -> tiers.Outcome:
    """Runs one tier, and returns its outcome with the seconds that it took; a required tier may not be skipped."""
    start = time.monotonic()
    outcome = tiers.real(log) if log else RUNNERS[name]()
    if outcome.state == "skipped":
        print(f"=== {name}: SKIPPED: {'; '.join(outcome.notes)}", flush=True)
        if required:
            outcome.fail("skipped, but SPIRE_FLEET_REQUIRE names it")
    outcome.notes.append(f"{time.monotonic() - start:.0f} s")
    return outcome


def run_beside(names: list[str], required: Collection[str]) -> dict[str, tiers.Outcome]:
    """Runs the tiers that compute one after the other, and the tier `real`, which waits a part of its time, beside them.

    What `real` prints goes to a file, and is shown when it has ended, so that the output of two tiers is never mixed.
    """
    log = tiers.REPORTS / "real.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    print(f"=== real: started beside the others, its output follows below and is in {log} until then", flush=True)
    outcomes = {}
    with ThreadPoolExecutor(1) as pool:
        background = pool.submit(run_tier, "real", "real" in required, log)
        # Linux gives each thread its own niceness: SPIRE's processes, which have deadlines, are served first.
        os.nice(5)
        for name in names:
            print(f"=== {name}", flush=True)
            outcomes[name] = run_tier(name, name in required)
        outcomes["real"] = background.result()
    print(f"=== real\n{log.read_text(encoding='utf-8', errors='replace') if log.exists() else ''}", flush=True)
    return outcomes


def run_tiers(names: list[str]) -> int:
    """Runs the tiers and prints a line for each; returns 0 when nothing failed."""
    required = require.required_tiers()
    start = time.monotonic()
    found: dict[str, tiers.Outcome] = {}
    first = [name for name in BESIDE_REAL if name in names]
    if first and "real" in names:
        found = run_beside(first, required)
    for name in require.TIERS:
        if name in names and name not in found:
            print(f"=== {name}", flush=True)
            found[name] = run_tier(name, name in required)
    outcomes = [found[name] for name in require.TIERS if name in found]
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
