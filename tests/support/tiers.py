# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The five tiers of tests: what each needs, how it is run, and what is reported about it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import ansible

from tests.lint import lint as lint_steps
from tests.secret_scan import capture
from tests.support import collection, environments, pythons, require, scenario_runs, spire_bin
from tests.support.reports import Counted, causes_in, count_report

REPO = collection.REPO
BUILD = REPO / ".build"
REPORTS = BUILD / "reports"
MOLECULE = REPO / "molecule"
# Versions of Python on the hosts that the code is tested on; see tests/unit/plugins/module_utils.
HOST_PYTHONS = ("3.9", "3.11", "3.13")
HOST_TESTS = ("tests/unit/plugins/module_utils", "tests/unit/plugins/modules")

#: the number of processes that share the tests of a tier
WORKERS = 2
#: the number of processes in the tier `real`, whose tests wait for a part of their time and then use no core
REAL_WORKERS = 3
#: the tests of one file run in one process, which shares the fixtures; tests/real/conftest.py sorts the files that take longest first
REAL_DISTRIBUTION = ("--dist=loadfile",)
#: the directories of tests that run none of Ansible's programs; those of the secret scan prove that it finds a planted secret
UNIT_TESTS = ("tests/unit", "tests/secret_scan")


@dataclass
class Outcome:
    """The result of one tier."""

    tier: str
    state: str = "ran"  # ran, skipped or failed
    passed: int = 0
    failed: int = 0
    #: tests that were skipped inside of a tier that ran
    skipped: int = 0
    notes: list[str] = field(default_factory=list)
    #: each failed test with the end of its message, and each scenario that failed without one with what Ansible printed
    causes: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Returns how many tests and checks ran."""
        return self.passed + self.failed

    def add(self, counted: Counted) -> None:
        """Adds the numbers of a pytest report, and a note for each reason to skip a test."""
        self.passed += counted.passed
        self.failed += counted.failed
        self.skipped += sum(counted.skipped.values())
        self.causes += counted.causes
        self.notes += [f"{number} skipped: {reason}" for reason, number in sorted(counted.skipped.items())]

    def line(self) -> str:
        """Returns the line of the summary about this tier."""
        notes = f" ({'; '.join(self.notes)})" if self.notes else ""
        if self.state == "skipped":
            return f"{self.tier}: skipped: {'; '.join(self.notes)}"
        if self.state == "failed":
            return f"{self.tier}: FAILED, ran {self.count}{notes}"
        return f"{self.tier}: ran {self.count}{notes}"

    def skip(self, why: str) -> Outcome:
        """Marks the tier as one that can't run here."""
        self.state = "skipped"
        self.notes.append(why)
        return self

    def fail(self, why: str) -> None:
        """Marks the tier as failed; a failure that no test was counted for counts as one."""
        self.state = "failed"
        self.failed = max(self.failed, 1)
        self.notes.append(why)


def run_pytest(
    outcome: Outcome, name: str, paths: list[str], python: Path, extra_path: Path | None = None, workers: int = 0,
    distribution: Sequence[str] = ("--dist=worksteal",), log: Path | None = None,
) -> Counted:
    """Runs pytest, adds its numbers to the outcome and returns them.

    Tests of one file mostly run in one process, with what the fixtures of the file have made; a process without work takes over
    tests of another.
    """
    REPORTS.mkdir(parents=True, exist_ok=True)
    report = REPORTS / f"{name}.xml"
    report.unlink(missing_ok=True)
    environment = dict(os.environ)
    if extra_path is not None:
        environment["PYTHONPATH"] = str(extra_path)
    several = [f"--numprocesses={workers}", *distribution] if workers else []
    command = [str(python), "-m", "pytest", "-q", "-ra", f"--junitxml={report}", *several, *paths]
    with contextlib.ExitStack() as opened:
        output = opened.enter_context(log.open("w", encoding="utf-8")) if log else None
        stderr = subprocess.STDOUT if log else None
        code = subprocess.run(command, cwd=REPO, env=environment, stdout=output, stderr=stderr, check=False).returncode
    counted = count_report(report)
    outcome.add(counted)
    # pytest ends with 5 if it collected no test. The caller reports that, because an empty tier is no success.
    if code not in (0, 5):
        outcome.fail(f"{name}: {counted.failed} failed" if counted.failed else f"{name}: pytest ended with {code}")
    return counted


def unit() -> Outcome:
    """Runs the unit tests here, and those of code that runs on hosts also on the hosts' versions of Python."""
    outcome = Outcome("unit")
    run_pytest(outcome, "unit", list(UNIT_TESTS), Path(sys.executable), workers=WORKERS)
    found = pythons.find_pythons(HOST_PYTHONS)
    tests = [path for path in HOST_TESTS if any((REPO / path).rglob("test_*.py"))]
    for version in HOST_PYTHONS:
        if version not in found:
            outcome.notes.append(f"hosts' Python {version}: skipped, not found")
        elif tests:
            on_host = run_pytest(outcome, f"unit-python{version}", tests, host_python(version, found[version]), host_library())
            outcome.notes.append(f"hosts' Python {version}: ran {on_host.ran}")
    return outcome if outcome.count else outcome.skip("no tests found in tests/unit")


def playbooks() -> Outcome:
    """Runs the tests that start ansible-playbook and Ansible's other programs; none of them needs a host or SPIRE."""
    outcome = Outcome("playbooks")
    run_pytest(outcome, "playbooks", ["tests/playbooks"], Path(sys.executable), workers=WORKERS)
    return outcome if outcome.count else outcome.skip("no tests found in tests/playbooks")


def host_python(version: str, python: Path) -> Path:
    """Returns the interpreter of a virtual environment with pytest on another Python; it is made anew when its requirements change."""
    return environments.made(BUILD / "venvs" / version, python, requirements=REPO / "tests" / "requirements-hosts-python.txt")


def host_library() -> Path:
    """Returns a directory with only this environment's ansible package, whose module_utils run on hosts like the collection's."""
    library = BUILD / "venvs" / "library"
    library.mkdir(parents=True, exist_ok=True)
    link = library / "ansible"
    target = Path(ansible.__file__).parent
    if not (link.is_symlink() and link.readlink() == target):
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    return library


def lint() -> Outcome:
    """Runs every step of tests/lint/lint.py; each counts once."""
    outcome = Outcome("lint")
    ran, failed = lint_steps.run_steps(list(lint_steps.STEPS))
    outcome.passed, outcome.failed = ran - len(failed), len(failed)
    if failed:
        outcome.fail(f"failed: {', '.join(failed)}")
    return outcome


def real() -> Outcome:
    """Runs the tests against a real SPIRE on loopback. What pytest prints is shown at its end, because other tiers run beside this one."""
    outcome = Outcome("real")
    directory = spire_bin.find_bin_dir()
    if directory is None:
        return outcome.skip(spire_bin.why_missing())
    log = REPORTS / "real.log"
    counted = run_pytest(outcome, "real", ["tests/real"], Path(sys.executable), workers=REAL_WORKERS, distribution=REAL_DISTRIBUTION, log=log)
    print(f"=== output of real\n{log.read_text(encoding='utf-8', errors='replace')}", flush=True)
    if not outcome.count:
        return outcome.skip(next(iter(counted.skipped), "no tests found in tests/real"))
    outcome.notes.append(f"SPIRE {spire_bin.binary_version(directory / 'spire-server')}")
    return outcome


def why_no_hosts() -> str | None:
    """Returns why systemd hosts can't be started here, or None when they can."""
    if spire_bin.find_bin_dir() is None:
        return spire_bin.why_missing()
    if shutil.which("podman") is None:
        return "no podman found, install podman, netavark, aardvark-dns and iptables"
    if os.geteuid() != 0:
        return "starting systemd hosts needs root"
    if shutil.which("debootstrap") is None and not os.environ.get("MOLECULE_IMAGE"):
        return "no debootstrap found to build the hosts' image; install it, or name an image in MOLECULE_IMAGE"
    return None


def scenarios() -> list[str]:
    """Returns the scenarios that the tier runs: all of them, or those named in SPIRE_FLEET_SCENARIOS."""
    given = os.environ.get("SPIRE_FLEET_SCENARIOS", "").replace(",", " ").split()
    return given or sorted(path.parent.name for path in MOLECULE.glob("*/molecule.yml"))


def reports_of(scenario: str) -> list[Path]:
    """Returns the scenario's reports, one for each directory of tests that it ran."""
    return sorted(REPORTS.glob(f"molecule-{scenario}-*.xml"))


def molecule(scenario: str, command: str = "test") -> int:
    """Runs one scenario where podman can start systemd hosts; returns molecule's exit code."""
    REPORTS.mkdir(parents=True, exist_ok=True)
    for report in reports_of(scenario):
        report.unlink()
    wrapper = REPO / "tests" / "hosts" / "namespace"
    program = Path(sys.executable).parent / "molecule"
    plain = {} if sys.stdout.isatty() else {"NO_COLOR": "1", "PY_COLORS": "0", "ANSIBLE_NOCOLOR": "1"}
    environment = {**os.environ, **plain, **capture.environment(scenario)}
    # The scenarios' inventories use these variables.
    for version, directory in list(spire_bin.find_versions().items())[:1]:
        environment.update(SPIRE_TEST_VERSION=version, SPIRE_BIN_DIR=str(directory))
    argv = [str(wrapper), str(program), command, "-s", scenario]
    table = REPORTS / f"secret_scan-{scenario}.txt"
    table.unlink(missing_ok=True)
    with capture.tracing(scenario, fresh=command == "test"):
        code = subprocess.run(argv, cwd=REPO, env=environment, check=False).returncode
    if table.exists():
        print(table.read_text(encoding="utf-8"), flush=True)
    return code


def hosts() -> Outcome:
    """Runs Molecule's scenarios; each counts once, and so does every test of its verifier."""
    outcome = Outcome("hosts")
    why = why_no_hosts()
    if why:
        return outcome.skip(why)
    done, left_out = [], []
    for run in scenario_runs.run_scenarios(scenarios()):
        scenario, code = run.scenario, run.code
        if run.left_out:
            left_out.append(f"{scenario} ({run.left_out})")
            continue
        done.append(f"{scenario} {run.seconds:.0f} s")
        counted = [count_report(report) for report in reports_of(scenario)]
        for one in counted:
            outcome.add(one)
        if code:
            outcome.failed += 1
            outcome.causes += [f"molecule {scenario}: {cause}" for cause in causes_in(run.log)]
            outcome.fail(f"molecule {scenario}: {sum(one.failed for one in counted)} tests failed, molecule ended with {code}")
        else:
            outcome.passed += 1
    if not done:
        return outcome.skip("every scenario was left out" if left_out else "no scenario found in molecule/")
    outcome.notes.append(f"scenarios: {', '.join(done)}")
    if left_out:
        outcome.skipped += len(left_out)
        outcome.notes.append(f"SCENARIOS LEFT OUT: {', '.join(sorted(left_out))}")
        if "hosts" in require.required_tiers():
            outcome.fail("scenarios were left out, but SPIRE_FLEET_REQUIRE names hosts")
    return outcome
