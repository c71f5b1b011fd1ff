# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Records of the kernel's audit are assembled to the arguments of processes; and the kernel's audit itself, if it can be used."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.secret_scan import exec_trace
from tests.secret_scan.exec_trace import END_OF_EVENT, EXECVE, SYSCALL
from tests.support.collection import REPO


def record(serial: int, text: str) -> bytes:
    return f"audit(1764041000.123:{serial}): {text}\0".encode()


def test_arguments_come_together_by_their_event() -> None:
    events = exec_trace.Events()
    assert events.add(SYSCALL, record(7, 'arch=c000003e syscall=59 success=yes ppid=1 pid=2 auid=3000000007 uid=0 comm="sh"')) is None
    assert events.add(SYSCALL, record(8, "syscall=59 ppid=1 pid=3 auid=3000000008 uid=0")) is None
    assert events.add(EXECVE, record(8, 'argc=1 a0="true"')) is None
    assert events.add(EXECVE, record(7, 'argc=3 a0="sh" a1="-c" a2_len=12 a2[0]=6563686F20')) is None
    assert events.add(EXECVE, record(7, "a2[1]=22782079220A")) is None
    assert events.add(END_OF_EVENT, record(8, "")) == (3000000008, [b"true"])
    assert events.add(END_OF_EVENT, record(7, "")) == (3000000007, [b"sh", b"-c", b'echo "x y"\n'])
    assert events.open == {}


def test_what_is_no_start_of_a_process() -> None:
    events = exec_trace.Events()
    # an exec that failed has no arguments; of another one the beginning was before the trace's
    assert events.add(SYSCALL, record(1, "syscall=59 success=no auid=3000000001 ")) is None
    assert events.add(END_OF_EVENT, record(1, "")) is None
    assert events.add(EXECVE, record(2, 'argc=1 a0="x"')) is None
    assert events.add(END_OF_EVENT, record(2, "")) is None
    assert events.add(1305, b"op=set audit_enabled=1") is None


def test_hosts_are_told_apart() -> None:
    ids = {exec_trace.login_id(f"spire-fleet-default-{name}") for name in ("server1", "agent1", "agent2")}
    assert len(ids) == 3 and all(exec_trace.FIRST_ID <= one < exec_trace.FIRST_ID + exec_trace.IDS for one in ids)


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
