# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the logs of services: files, and the journal by simulated programs."""

from __future__ import annotations

import datetime
import time
from pathlib import Path

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.host import service_log
from ansible_collections.spire.fleet.plugins.module_utils.host.service_log import LAST_BYTES, LINES, ServiceLog, Tail, written_since

UNIT = "spire-agent@main.service"


def test_the_end_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"\xff old\n" * LAST_BYTES + b"\n".join(b"line %d\n" % number for number in range(50)))
    log = ServiceLog(files=(str(path),))
    assert log.tails() == [Tail("its log", [f"line {number}" for number in range(50 - LINES, 50)])]
    assert (log.restarts(), log.refused(), log.settled()) == (0, False, True)


def test_a_log_that_is_not_there(tmp_path: Path) -> None:
    assert ServiceLog(files=(str(tmp_path / "log"),)).tails() == []


def test_the_end_of_a_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"journalctl": "one\n\ntwo\n", "systemctl": "NRestarts=3\n"}
    monkeypatch.setattr(service_log.systemd, "output", lambda argv: answers[argv[0]])
    assert ServiceLog(UNIT).tails() == [Tail("its log", ["one", "two"])]
    assert ServiceLog(UNIT).restarts() == 3
    answers["systemctl"] = ""
    assert ServiceLog(UNIT).restarts() == 0


def test_a_file_is_shown_besides_the_journal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(service_log.systemd, "output", lambda argv: "from systemd\n")
    (tmp_path / "log").write_text("from SPIRE\n")
    assert ServiceLog(UNIT, (str(tmp_path / "log"),)).tails() == [
        Tail("its log", ["from systemd"]), Tail(f"its log {tmp_path / 'log'}", ["from SPIRE"]),
    ]


@pytest.mark.parametrize(
    "line", [
        'time="{time}" level=error msg="Agent crashed" error="join token does not exist or has already been used"',
        '{{"error":"join token expired","level":"error","msg":"Agent crashed","time":"{time}"}}',
    ],
)
def test_a_refused_token_is_found_in_the_log_file_of_this_start_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, line: str) -> None:
    log = tmp_path / "log"
    answers = {
        "journalctl": "Started SPIRE Agent\n",
        "systemctl": f"InvocationID=1f\nExecMainStartTimestampMonotonic={int((time.monotonic() - 5) * 1e6)}\n",
    }
    monkeypatch.setattr(service_log.systemd, "output", lambda argv: answers[argv[0]])

    def refused(seconds_ago: int) -> bool:
        written = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=seconds_ago)
        log.write_text(line.format(time=written.strftime("%Y-%m-%dT%H:%M:%SZ")) + "\n")
        return ServiceLog(UNIT, (str(log),)).refused()

    assert not refused(60)
    assert refused(1)


def test_lines_without_a_time_belong_to_the_line_before_them() -> None:
    text = 'time="2026-01-02T03:04:05Z" msg=old\n  of it\ntime="2026-01-02T05:04:07+02:00" msg=new\n  of it\n'
    since = datetime.datetime(2026, 1, 2, 3, 4, 6, 900_000, tzinfo=datetime.timezone.utc).timestamp()
    assert list(written_since(text, since)) == ['time="2026-01-02T05:04:07+02:00" msg=new', "  of it"]
