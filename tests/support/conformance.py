# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compares the collection's verdict on generated configurations with a real SPIRE's, and reads the file that explains differences."""

from __future__ import annotations

import dataclasses
import os
import re
import selectors
import signal
import subprocess
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

from ansible_collections.spire.fleet.plugins.plugin_utils import hcl
from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem, errors
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import check as tree_check
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import model as schema_model

from tests.support import collection
from tests.support.conformance_trees import Case

DIFFERENCES = collection.REPO / "tests" / "real" / "conformance_differences.yml"
#: how many configurations are validated, or started, at the same time on two cores; a started agent mostly waits
VALIDATING = 2
STARTING = 6
START_SECONDS = 20
#: a log message of a process that has accepted its whole configuration
PAST_CONFIGURATION = {
    "server": re.compile(r"Journal loaded|X509 ?CA prepared|Starting TCP server|Starting Server APIs"),
    "agent": re.compile(r"[Ss]tarting node attestation|SVID is not found|opening stream for attestation"),
}


@dataclasses.dataclass(frozen=True)
class Evaluated:
    """The two verdicts on one configuration: the problems that the collection finds, whether SPIRE accepts it, and SPIRE's output."""

    case: Case
    oracle: str
    ours: tuple[Problem, ...]
    taken: bool
    output: str

    @property
    def differs(self) -> bool:
        return bool(self.ours) == self.taken

    def __str__(self) -> str:
        ours = "; ".join(f"[{problem.code}] {problem.path}: {problem.message}" for problem in self.ours) or "sound"
        case = self.case
        spires = "takes it" if self.taken else f"says: {self.output.strip()[-400:]}"
        return f"{case.component} {case.release} ({case.kind}, {case.path}): we say {ours}; SPIRE's {self.oracle} {spires}"


@dataclasses.dataclass(frozen=True)
class Difference:
    """An entry of the file: which differences are expected, and why."""

    reason: str
    we: str
    component: str = ""
    oracle: str = ""
    kind: str = ""
    path: str = ""
    code: str = ""
    contains: str = ""
    since: str = ""
    until: str = ""
    #: whether SPIRE's message is about this machine and not about the configuration
    machine: bool = False

    def covers(self, evaluated: Evaluated) -> bool:
        """Whether this entry explains a difference. Each problem that the collection reports needs an entry, this one or another."""
        case = evaluated.case
        if (self.we == "take") == bool(evaluated.ours) or self.component not in ("", case.component):
            return False
        if self.oracle not in ("", evaluated.oracle) or not re.search(self.kind, case.kind):
            return False
        if self.since and case.release < schema_model.version(self.since) or self.until and case.release > schema_model.version(self.until):
            return False
        return self.we == "refuse" or bool(re.search(self.path, case.path) and re.search(self.contains, evaluated.output))

    def excuses(self, problem: Problem) -> bool:
        return bool(re.search(self.path, problem.path) and re.fullmatch(self.code or ".*", problem.code) and re.search(self.contains, problem.message))


def differences() -> list[Difference]:
    """Returns the entries of the file."""
    return [Difference(**entry) for entry in yaml.safe_load(DIFFERENCES.read_text("utf-8"))]


def explained(evaluated: Evaluated, entries: Iterable[Difference]) -> list[Difference] | None:
    """Returns the entries that explain a difference, or None if a part of it remains unexplained."""
    fitting = [entry for entry in entries if entry.covers(evaluated)]
    if not evaluated.ours:
        return fitting[:1] or None
    needed = []
    for problem in evaluated.ours:
        entry = next((entry for entry in fitting if entry.excuses(problem)), None)
        if entry is None:
            return None
        needed.append(entry)
    return needed


def seldom(evaluated: Iterable[Evaluated], plugins: Iterable[tuple[str, str]], least: int) -> dict[str, int]:
    """Returns the plugins that were compared less often than ``least``, or never in an accepted configuration, with their counts."""
    found: dict[str, list[bool]] = {".".join(plugin): [] for plugin in plugins}
    for each in evaluated:
        plugin = ".".join(each.case.path.split(".")[1:3])
        if plugin in found:
            found[plugin].append(not each.ours)
    return {plugin: len(sound) for plugin, sound in found.items() if len(sound) < least or not any(sound)}


@dataclasses.dataclass(frozen=True)
class Oracle:
    """A program of SPIRE whose verdict on a configuration is taken from ``validate`` or from a start.

    `validate` checks less than a start, and reports hints as errors. So if it differs from the collection without a known reason, a start
    decides, unless the start fails because of this machine.
    """

    binary: Path
    directory: Path
    by: str
    entries: Sequence[Difference]

    def evaluate(self, cases: Iterable[Case]) -> list[Evaluated]:
        """Compares the verdicts on every case that can be written as HCL."""
        with ThreadPoolExecutor(VALIDATING if self.by == "validate" else STARTING) as pool:
            made = pool.map(self._evaluate, *zip(*enumerate(cases)))
            return [evaluated for evaluated in made if evaluated is not None]

    def _evaluate(self, number: int, case: Case) -> Evaluated | None:
        ours = tuple(errors(tree_check.check(case.component, case.tree, case.release)))
        try:
            text = hcl.dumps(case.tree)
        except hcl.HclError:
            return None  # SPIRE never gets this configuration
        file = self._file(number, case, text)
        if self.by == "start":
            return Evaluated(case, "start", ours, *start(self.binary, case.component, file))
        evaluated = Evaluated(case, "validate", ours, *validate(self.binary, file))
        if not evaluated.differs or explained(evaluated, self.entries) is not None:
            return evaluated
        started = Evaluated(case, "start", ours, *start(self.binary, case.component, file))
        unable = any(entry.machine and re.search(entry.contains, started.output) for entry in self.entries)
        return evaluated if unable and not started.taken else started

    def _file(self, number: int, case: Case, text: str) -> Path:
        own = self.directory / f"{case.component}-{number}"
        (own / "data").mkdir(parents=True, exist_ok=True)
        # Each configuration gets paths of its own, because several processes run at the same time.
        for name in ("data", "server.sock", "public"):
            text = text.replace(str(self.directory / name), str(own / name))
        file = own / "main.conf"
        file.write_text(text, "utf-8")
        return file


def environment(home: Path) -> dict[str, str]:
    """Returns an environment without this machine's credentials and tokens, in which requests to a cloud go to a closed port."""
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    return {**kept, "HOME": str(home), **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")}


def validate(binary: Path, file: Path) -> tuple[bool, str]:
    """Runs SPIRE's own check; returns whether it passed, and its output."""
    command = ["nice", str(binary), "validate", "-config", str(file)]
    done = subprocess.run(command, cwd=file.parent, env=environment(file.parent), capture_output=True, text=True, timeout=60, check=False)
    return done.returncode == 0, done.stdout + done.stderr


def start(binary: Path, component: str, file: Path) -> tuple[bool, str]:
    """Starts a process; returns whether it accepted its configuration, and its output. It is stopped as soon as that is clear."""
    command = ["nice", str(binary), "run", "-config", str(file)]
    process = subprocess.Popen(
        command, cwd=file.parent, env=environment(file.parent), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )
    output = ""
    try:
        for text in _output(process, time.monotonic() + START_SECONDS):
            output += text
            if PAST_CONFIGURATION[component].search(output):
                return True, output
        return False, output if process.poll() is not None else f"{output}\n(it neither died nor got on in time)"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout:
            process.stdout.close()


def _output(process: subprocess.Popen[bytes], until: float) -> Iterable[str]:
    assert process.stdout is not None
    with selectors.DefaultSelector() as waiting:
        waiting.register(process.stdout, selectors.EVENT_READ)
        while waiting.select(max(0.0, until - time.monotonic())):
            data = os.read(process.stdout.fileno(), 65536)
            if not data:
                process.wait(5)
                return
            yield data.decode("utf-8", "replace")
