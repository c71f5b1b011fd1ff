# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the tiers of tests, one line for each at the end.

    python -m tests.run [TIER...]                          all four when none is named
    python -m tests.run --molecule SCENARIO [--command C]  one Molecule scenario, for work on it

A tier that can't run here is skipped, with the reason. It is a failure when SPIRE_FLEET_REQUIRE names it.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.support import require, tiers

SUMMARY = tiers.BUILD / "summary.txt"
RUNNERS: dict[str, Callable[[], tiers.Outcome]] = {
    "unit": tiers.unit,
    "lint": tiers.lint,
    "real": tiers.real,
    "hosts": tiers.hosts,
}


def run_tiers(names: list[str]) -> int:
    """Run the tiers in their order, print what became of each; 0 when all is well."""
    required = require.required_tiers()
    outcomes: list[tiers.Outcome] = []
    skipped: list[str] = []
    for name in require.TIERS:
        if name not in names:
            continue
        print(f"=== {name}", flush=True)
        start = time.monotonic()
        outcome = RUNNERS[name]()
        if outcome.state == "skipped":
            skipped.append(name)
            if name in required:
                outcome.fail("skipped, but SPIRE_FLEET_REQUIRE names it")
        outcome.notes.append(f"{time.monotonic() - start:.0f} s")
        outcomes.append(outcome)
    print("=== summary")
    for outcome in outcomes:
        print(outcome.line())
    failed = [outcome.tier for outcome in outcomes if outcome.state == "failed"]
    total = sum(outcome.count for outcome in outcomes)
    words = f"ran {total} tests and checks"
    words += f", failed: {', '.join(failed)}" if failed else ", nothing failed"
    words += f", skipped: {', '.join(skipped)}" if skipped else ", nothing skipped"
    summary = f"summary: {'FAILED' if failed else 'passed'}: {words}"
    print(summary, flush=True)
    # For .ci/run, whose last line it is: make adds a line of its own when a tier failed.
    SUMMARY.parent.mkdir(parents=True, exist_ok=True)
    SUMMARY.write_text(f"{summary}\n", encoding="utf-8")
    return 1 if failed else 0


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
