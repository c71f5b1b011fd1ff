# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The four tiers of tests: what each needs, how it runs, and what is honestly said of it afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import ansible

from tests.lint import lint as lint_steps
from tests.secret_scan import capture
from tests.support import collection, pythons, scenario_runs, spire_bin

REPO = collection.REPO
BUILD = REPO / ".build"
REPORTS = BUILD / "reports"
MOLECULE = REPO / "molecule"
# Versions of Python on the hosts that the code is tested on; see tests/unit/plugins/module_utils.
HOST_PYTHONS = ("3.9", "3.11", "3.13")
HOST_TESTS = ("tests/unit/plugins/module_utils", "tests/unit/plugins/modules")

#: tests against real SPIRE wait more than they work, so two at a time are no burden for two cores
WORKERS = 2


@dataclass
class Outcome:
    """What became of one tier."""

    tier: str
    state: str = "ran"  # ran, skipped or failed
    count: int = 0
    notes: list[str] = field(default_factory=list)

    def line(self) -> str:
        notes = f" ({'; '.join(self.notes)})" if self.notes else ""
        if self.state == "skipped":
            return f"{self.tier}: skipped: {'; '.join(self.notes)}"
        if self.state == "failed":
            return f"{self.tier}: FAILED, ran {self.count}{notes}"
        return f"{self.tier}: ran {self.count}{notes}"

    def skip(self, why: str) -> Outcome:
        self.state = "skipped"
        self.notes.append(why)
        return self

    def fail(self, why: str) -> None:
        self.state = "failed"
        self.notes.append(why)


@dataclass(frozen=True)
class Counted:
    """The numbers of one pytest report."""

    passed: int = 0
    failed: int = 0
    skipped: dict[str, int] = field(default_factory=dict)

    @property
    def ran(self) -> int:
        return self.passed + self.failed


def count_report(report: Path) -> Counted:
    """Read a JUnit report; no report means that pytest died, and counts as nothing run."""
    if not report.exists():
        return Counted()
    passed = failed = 0
    skipped: dict[str, int] = {}
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        skip = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif skip is not None:
            reason = skip.get("message", "")
            skipped[reason] = skipped.get(reason, 0) + 1
        else:
            passed += 1
    return Counted(passed, failed, skipped)


def run_pytest(
    outcome: Outcome, name: str, paths: list[str], python: Path, extra_path: Path | None = None, workers: int = 0
) -> Counted:
    """Run pytest and add its numbers to the outcome. What shares a file shares a process, with what its fixtures have started."""
    REPORTS.mkdir(parents=True, exist_ok=True)
    report = REPORTS / f"{name}.xml"
    report.unlink(missing_ok=True)
    environment = dict(os.environ)
    if extra_path is not None:
        environment["PYTHONPATH"] = str(extra_path)
    several = [f"--numprocesses={workers}", "--dist=loadfile"] if workers else []
    command = [str(python), "-m", "pytest", "-q", "-ra", f"--junitxml={report}", *several, *paths]
    code = subprocess.run(command, cwd=REPO, env=environment, check=False).returncode
    counted = count_report(report)
    # 5: nothing was collected; the caller says so, since an empty tier is no success.
    if code not in (0, 5):
        outcome.fail(f"{name}: {counted.failed} failed" if counted.failed else f"{name}: pytest ended with {code}")
    return counted


def unit() -> Outcome:
    """Everything in tests/unit here, and what runs on hosts also on the hosts' versions of Python."""
    outcome = Outcome("unit")
    counted = run_pytest(outcome, "unit", ["tests/unit"], Path(sys.executable), workers=WORKERS)
    outcome.count = counted.ran
    note_skips(outcome, counted)
    found = pythons.find_pythons(HOST_PYTHONS)
    tests = [path for path in HOST_TESTS if any((REPO / path).rglob("test_*.py"))]
    for version in HOST_PYTHONS:
        if version not in found:
            outcome.notes.append(f"hosts' Python {version}: skipped, not found")
        elif tests:
            on_host = run_pytest(outcome, f"unit-python{version}", tests, host_python(version, found[version]), host_library())
            outcome.notes.append(f"hosts' Python {version}: ran {on_host.ran}")
            note_skips(outcome, on_host)
    return outcome if outcome.count or outcome.state == "failed" else outcome.skip("no tests found in tests/unit")


def note_skips(outcome: Outcome, counted: Counted) -> None:
    outcome.notes += [f"{number} skipped: {reason}" for reason, number in sorted(counted.skipped.items())]


def host_python(version: str, python: Path) -> Path:
    """A virtual environment with pytest on an older interpreter; made anew when its requirements change."""
    requirements = REPO / "tests" / "requirements-hosts-python.txt"
    venv = BUILD / "venvs" / version
    inside = venv / "bin" / "python"
    stamp = venv / "installed.txt"
    wanted = f"{python}\n{requirements.read_text(encoding='utf-8')}"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        shutil.rmtree(venv, ignore_errors=True)
        subprocess.run([str(python), "-m", "venv", str(venv)], check=True)
        pip = [str(inside), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", str(requirements)], check=True)
        stamp.write_text(wanted, encoding="utf-8")
    return inside


def host_library() -> Path:
    """A directory with this environment's ansible package alone: its module_utils run on hosts as ours do."""
    library = BUILD / "venvs" / "library"
    library.mkdir(parents=True, exist_ok=True)
    link = library / "ansible"
    target = Path(ansible.__file__).parent
    if not (link.is_symlink() and link.readlink() == target):
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    return library


def lint() -> Outcome:
    outcome = Outcome("lint")
    outcome.count, failed = lint_steps.run_steps(list(lint_steps.STEPS))
    if failed:
        outcome.fail(f"failed: {', '.join(failed)}")
    return outcome


def real() -> Outcome:
    """Tests against a real SPIRE on loopback."""
    outcome = Outcome("real")
    directory = spire_bin.find_bin_dir()
    if directory is None:
        return outcome.skip(spire_bin.why_missing())
    counted = run_pytest(outcome, "real", ["tests/real"], Path(sys.executable), workers=WORKERS)
    outcome.count = counted.ran
    if not counted.ran and outcome.state != "failed":
        return outcome.skip(next(iter(counted.skipped), "no tests found in tests/real"))
    outcome.notes.append(f"SPIRE {spire_bin.binary_version(directory / 'spire-server')}")
    note_skips(outcome, counted)
    return outcome


def why_no_hosts() -> str | None:
    """Why systemd hosts can't be had here; None when they can."""
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
    """The scenarios that the tier runs; SPIRE_FLEET_SCENARIOS names some of them."""
    given = os.environ.get("SPIRE_FLEET_SCENARIOS", "").replace(",", " ").split()
    return given or sorted(path.parent.name for path in MOLECULE.glob("*/molecule.yml"))


def reports_of(scenario: str) -> list[Path]:
    """One report for each directory of tests that the scenario runs."""
    return sorted(REPORTS.glob(f"molecule-{scenario}-*.xml"))


def molecule(scenario: str, command: str = "test") -> int:
    """Run one scenario where podman can start systemd hosts."""
    collection.link_collection()
    REPORTS.mkdir(parents=True, exist_ok=True)
    for report in reports_of(scenario):
        report.unlink()
    wrapper = REPO / "tests" / "hosts" / "namespace"
    program = Path(sys.executable).parent / "molecule"
    plain = {} if sys.stdout.isatty() else {"NO_COLOR": "1", "PY_COLORS": "0", "ANSIBLE_NOCOLOR": "1"}
    environment = {**os.environ, **plain, **capture.environment(scenario)}
    # What the scenarios' inventories name.
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
    """Molecule's scenarios; each counts once, and so does every test of its verifier."""
    outcome = Outcome("hosts")
    why = why_no_hosts()
    if why:
        return outcome.skip(why)
    done = []
    for run in scenario_runs.run_scenarios(scenarios()):
        scenario, code = run.scenario, run.code
        counted = [count_report(report) for report in reports_of(scenario)]
        outcome.count += 1 + sum(one.ran for one in counted)
        done.append(f"{scenario} {run.seconds:.0f} s")
        for one in counted:
            note_skips(outcome, one)
        if code:
            failed = sum(one.failed for one in counted)
            outcome.fail(f"molecule {scenario}: {failed} tests failed, molecule ended with {code}")
    if not done:
        return outcome.skip("no scenario found in molecule/")
    outcome.notes.append(f"scenarios: {', '.join(done)}")
    return outcome
