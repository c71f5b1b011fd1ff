# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keeps all output of a scenario: what Ansible prints, returns, logs and caches, and the arguments of processes on its hosts.

    .build/secret_scan/SCENARIO/captured/    what is searched
    .build/secret_scan/SCENARIO/secrets      the secrets, as they were at each moment
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.secret_scan import exec_trace
from tests.support.collection import REPO

DIRECTORY = "SPIRE_FLEET_CAPTURED"
PLUGINS = REPO / "tests" / "hosts" / "callback"


def scenario_directory(scenario: str) -> Path:
    return REPO / ".build" / "secret_scan" / scenario


def captured() -> Path | None:
    """Returns the directory of the running scenario, or None if nothing is captured."""
    found = os.environ.get(DIRECTORY)
    return Path(found) if found else None


def environment(scenario: str) -> dict[str, str]:
    """Returns variables with which every ansible-playbook also writes its output to files. The screen stays as it is."""
    directory = scenario_directory(scenario) / "captured"
    for path in (scenario_directory(scenario), directory, directory / "runs", directory / "facts", directory / "local"):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return {
        DIRECTORY: str(directory),
        "ANSIBLE_LOG_PATH": str(directory / "ansible.log"),
        "ANSIBLE_LOG_VERBOSITY": "4",
        "ANSIBLE_DIFF_ALWAYS": "true",
        "ANSIBLE_CALLBACK_PLUGINS": str(PLUGINS),
        "ANSIBLE_CALLBACKS_ENABLED": "captured",
        "ANSIBLE_CACHE_PLUGIN": "ansible.builtin.jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(directory / "facts"),
        "ANSIBLE_LOCAL_TEMP": str(directory / "local"),
    }


def keep_run(stdout: str, stderr: str) -> None:
    """Keeps what a test's own run has printed."""
    directory = captured()
    if directory is None:
        return
    number = next(number for number in itertools.count() if not (directory / "runs" / f"{number}.stdout").exists())
    (directory / "runs" / f"{number}.stdout").write_text(stdout, encoding="utf-8", errors="surrogateescape")
    (directory / "runs" / f"{number}.stderr").write_text(stderr, encoding="utf-8", errors="surrogateescape")


@contextlib.contextmanager
def tracing(scenario: str, fresh: bool) -> Iterator[None]:
    """Traces the processes that start on the scenario's hosts, if the kernel can; `fresh` removes what an earlier run has left."""
    if fresh:
        shutil.rmtree(scenario_directory(scenario), ignore_errors=True)
    path = Path(environment(scenario)[DIRECTORY]) / "processes.jsonl"
    why = exec_trace.why_not()
    if why:
        path.with_name("not-traced").write_text(why, encoding="utf-8")
        yield
        return
    tracer = subprocess.Popen([sys.executable, "-m", exec_trace.__name__, str(path)], cwd=REPO, stdout=subprocess.PIPE, text=True)
    assert tracer.stdout is not None
    try:
        assert tracer.stdout.readline() == "tracing\n", "the tracer did not start"
        yield
    finally:
        tracer.terminate()
        tracer.wait()
        tracer.stdout.close()
