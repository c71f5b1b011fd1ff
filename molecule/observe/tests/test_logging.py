# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SPIRE writes its log in the form that the inventory asks for, logrotate rotates it without losing a line, and rsyslog sends it to a collector."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

import pytest

from tests.support import faults, site_run

LOG = "/var/log/spire/server.log"
RULES = {"server1": "/etc/logrotate.d/spire-server-main", "agent1": "/etc/logrotate.d/spire-agent-main"}
ENTRIES, ROTATIONS = 200, 8
#: a call of the API, which the audit log names
CALL = faults.cli("bundle show")
CREATE = faults.cli("entry create").replace(" -output json", "")
#: creates entries one after the other, each of which the audit log names, while the log is rotated again and again
UNDER_LOAD = """
for rotation in $(seq {rotations}); do logrotate --force {rules} || exit 1; sleep 1; done &
for number in $(seq {entries}); do {create} -spiffeID spiffe://observe.test/rotated-$number- -parentID spiffe://observe.test/node -selector unix:uid:$number \
  >/dev/null || exit 1; done
wait $!
"""


def test_the_log_has_the_form_that_the_inventory_asks_for(shell: Callable[..., str]) -> None:
    lines = [json.loads(line) for line in shell("server1", f"cat {LOG}").splitlines()]
    assert len(lines) > 10
    assert all({"level", "msg", "time", "file", "func"} <= set(line) for line in lines)
    assert any(line["level"] == "debug" for line in lines)
    assert any(line.get("type") == "audit" for line in lines)
    assert "level=info" not in shell("agent1", "cat /var/log/spire/agent.log")


@pytest.mark.parametrize(("host", "user"), [("server1", "spire-server"), ("agent1", "spire-agent")])
def test_only_the_service_and_root_read_the_log(shell: Callable[..., str], host: str, user: str) -> None:
    assert shell(host, "stat -c '%a %U %G' /var/log/spire").split() == ["750", user, user]
    assert shell(host, "stat -c '%a %U %G' /var/log/spire/*.log").split() == ["640", user, user]


@pytest.mark.parametrize("host", RULES)
def test_logrotate_takes_the_file(shell: Callable[..., str], host: str) -> None:
    said = shell(host, f"logrotate --debug {RULES[host]} 2>&1")
    assert "error" not in said.lower(), said
    assert "rotating pattern:" in said and "(30 rotations)" in said


def test_no_line_is_lost_when_the_log_is_rotated_under_load(shell: Callable[..., str]) -> None:
    before = shell("server1", "systemctl show --property=MainPID --value spire-server@main.service")
    shell("server1", UNDER_LOAD.format(rotations=ROTATIONS, entries=ENTRIES, rules=RULES["server1"], create=CREATE))
    rotated = shell("server1", f"ls {LOG}* | wc -l")
    assert int(rotated) > ROTATIONS
    found = shell("server1", f"zcat -f {LOG}* | grep -o 'observe.test/rotated-[0-9]*-' | sort -u | wc -l")
    assert int(found) == ENTRIES
    assert shell("server1", "systemctl show --property=MainPID --value spire-server@main.service") == before
    assert site_run.run("site").require().changed == {}


def sent(shell: Callable[..., str]) -> int:
    """Returns how many of the entries' lines the collector has."""
    return int(shell("collector1", "grep -o 'observe.test/rotated-[0-9]*-' /var/log/collected.log | sort -u | wc -l"))


def test_the_collector_gets_every_line_over_rotations(shell: Callable[..., str]) -> None:
    """The previous test has created the entries and rotated the log."""
    for _turn in range(60):
        if sent(shell) == ENTRIES:
            break
        time.sleep(0.5)
    assert sent(shell) == ENTRIES
    line = shell("collector1", "grep -m 1 'observe.test/rotated-1-' /var/log/collected.log")
    host, program, text = line.split(" ", 2)
    assert (host, program) == ("server1", "spire-server") and json.loads(text)["type"] == "audit"
    # The line has travelled over TLS: the port takes nothing else.
    shell("server1", "bash -c 'exec 3<>/dev/tcp/collector1/6514; echo plain >&3; sleep 1'")
    assert "plain" not in shell("collector1", "tail -n 3 /var/log/collected.log")


BOUND = {"spire_log_rotate_keep": 3, "spire_log_rotate_max_size": "20k"}
SIZES = f"stat --format=%s {LOG}*"


def test_a_rotation_by_size_bounds_the_sum_of_the_files(shell: Callable[..., str]) -> None:
    """logrotate runs while lines are written. A file is at most as large as the limit and what is written between two runs."""
    site_run.run("site", "--limit", "server1", variables=BOUND).require()
    assert "(3 rotations)" in shell("server1", f"logrotate --debug {RULES['server1']} 2>&1")
    shell("server1", f"rm -f {LOG}.*")
    written = []
    for _turn in range(8):
        before = int(shell("server1", f"stat --format=%s {LOG}"))
        shell("server1", f"""for number in $(seq 40); do {CREATE} -spiffeID spiffe://observe.test/bound-{time.time_ns()}-$number \\
            -parentID spiffe://observe.test/node -selector unix:uid:$number >/dev/null || exit 1; done""")
        written.append(int(shell("server1", f"stat --format=%s {LOG}")) - before)
        shell("server1", f"logrotate {RULES['server1']}")
        sizes = [int(size) for size in shell("server1", SIZES).split()]
        # more than the limit was written each time, so each run rotates
        assert sum(sizes) < 4 * (20 * 1024 + max(written)), sizes
    assert min(written) > 20 * 1024
    names = shell("server1", "cd /var/log/spire && ls server.log*").split()
    assert names == ["server.log.1", "server.log.2.gz", "server.log.3.gz"] or names == ["server.log", "server.log.1", "server.log.2.gz", "server.log.3.gz"]
    site_run.run("site", "--limit", "server1").require()


@pytest.fixture(name="full_disk", scope="module")
def fixture_full_disk(shell: Callable[..., str]) -> Iterator[str]:
    """Puts the server's log on a file system of 512 KiB, fills that, and returns the content of the log."""
    service = "spire-server@main.service"
    shell("server1", f"""
        systemctl stop {service} && mount -t tmpfs -o size=512k,mode=0750,uid=$(id -u spire-server),gid=$(id -g spire-server) tmpfs /var/log/spire
        systemctl start {service} && systemctl is-active {service}
        dd if=/dev/zero of=/var/log/spire/filler bs=4k status=none 2>/dev/null || true""")
    # The last page of the log may still have room.
    for _turn in range(20):
        shell("server1", CALL)
    yield shell("server1", f"cat {LOG}")
    shell("server1", f"systemctl stop {service}; umount --lazy /var/log/spire; systemctl start {service}")
    site_run.run("site").require()


def test_spire_goes_on_without_its_log_where_the_disk_is_full(full_disk: str, shell: Callable[..., str]) -> None:
    running = shell("server1", "systemctl show --property=MainPID --value spire-server@main.service")
    shell("server1", CALL)
    # What was in the file stays, and the journal has the reason.
    assert shell("server1", f"cat {LOG}") == full_disk
    journal = shell("server1", "journalctl --unit spire-server@main.service --output cat --since -5min")
    assert f"Failed to write to log, write {LOG}: no space left on device" in journal
    assert site_run.run("site", "--check").require().changed == {}
    assert site_run.run("site").require().changed == {}
    assert site_run.run("verify").require().failed == {}
    assert shell("server1", "systemctl show --property=MainPID --value spire-server@main.service") == running


def test_a_rotation_on_a_full_disk_loses_nothing(full_disk: str, shell: Callable[..., str]) -> None:
    shell("server1", f"logrotate --force {RULES['server1']}")
    assert shell("server1", f"cat {LOG}.1") == full_disk
    assert shell("server1", f"stat --format=%s {LOG}") == "0"


def test_a_change_is_made_on_a_full_disk(full_disk: str, shell: Callable[..., str]) -> None:
    level = {"spire_server_config__level": {"server": {"log_level": "INFO"}}}
    assert "server1" in site_run.run("site", "--limit", "server1", variables=level).require().changed
    assert shell("server1", f"cat {LOG}.1") == full_disk
    # The log goes on as soon as there is room.
    shell("server1", "rm /var/log/spire/filler")
    assert site_run.run("site", "--limit", "server1").require().changed
    assert json.loads(shell("server1", f"tail -n 1 {LOG}"))["level"]
    assert shell("server1", f"cat {LOG}.1") == full_disk


def test_a_log_that_goes_to_the_journal_is_not_rotated_any_more(shell: Callable[..., str]) -> None:
    form = {"log_file": None, "log_format": "json", "log_level": "DEBUG", "log_source_location": True}
    to_journal = {"spire_agent_config__journal": {"agent": form}}
    checked = site_run.run("site", "--check", "--limit", "agent1", variables=to_journal).require()
    assert f"{RULES['agent1']} is not used any more" in checked.differences("agent1", "agent")
    site_run.run("site", "--limit", "agent1", variables=to_journal).require()
    assert shell("agent1", f"ls {RULES['agent1']} 2>/dev/null || true") == ""
    start = shell("agent1", "systemctl show --property=InvocationID --value spire-agent@main.service")
    lines = shell("agent1", f"journalctl _SYSTEMD_INVOCATION_ID={start} _COMM=spire-agent --output cat").splitlines()
    written = [json.loads(line) for line in lines if line.startswith("{")]
    assert len(written) > 5 and all({"level", "msg", "time", "file", "func"} <= set(line) for line in written)
    assert any(line["level"] == "debug" for line in written)
    site_run.run("site").require()
    assert site_run.run("site").require().changed == {}
