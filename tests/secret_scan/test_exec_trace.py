# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The trace records the planted arguments of a process on a host, if the kernel's audit can be used."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.secret_scan import exec_trace
from tests.support.collection import REPO


@pytest.mark.skipif(bool(exec_trace.why_not()), reason=f"{exec_trace.why_not()}")
def test_the_kernel_tells_of_the_shortest_process(tmp_path: Path) -> None:
    out = tmp_path / "processes.jsonl"
    tracer = subprocess.Popen([sys.executable, "-m", exec_trace.__name__, str(out)], cwd=REPO, stdout=subprocess.PIPE, text=True)
    assert tracer.stdout is not None and tracer.stdout.readline() == "tracing\n"
    own = functools.partial(exec_trace.become, "unit-test")
    command = "/bin/true 'planted argument\nof two lines'; (/bin/true " + "x" * 20000 + ") &"
    subprocess.run(["/bin/sh", "-c", command], check=True, preexec_fn=own)
    subprocess.run(["/bin/true", "not of a host"], check=True)
    tracer.terminate()
    tracer.wait()
    tracer.stdout.close()
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    mine = [line["argv"] for line in lines if line.get("id") == exec_trace.login_id("unit-test")]
    assert [["/bin/true", "planted argument\nof two lines"], ["/bin/true", "x" * 20000]] == [argv for argv in mine if argv[0] == "/bin/true"]
    assert "not of a host" not in out.read_text(encoding="utf-8")
    assert lines[-1] == {"lost": 0}
