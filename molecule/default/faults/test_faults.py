# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""For every fault of the table, check mode reports exactly this fault and changes nothing, and a run repairs exactly this fault.

A new fault is a new row. Rows of one host are tried one after the other, rows of different hosts together.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support import faults
from tests.support.faults import Fault, Round, Snapshot, not_restored

LOST = ("enrolment", "file /etc/spire/agent/main.bundle.pem")

FAULTS = (
    # --- files on the hosts
    Fault("configuration edited", "server1", "sed -i s/INFO/DEBUG/ {conf}", ("file {conf}",), ('log_level = "DEBUG"',)),
    Fault("mode loosened", "agent1", "chmod 666 {conf}", ("file {conf}",), ("mode: 0666", "mode: 0640")),
    Fault("data directory's mode loosened", "agent2", "chmod 755 {data}", ("directory {data}",), ("mode: 0755",)),
    Fault("owner changed", "agent3", "chown nobody: {conf}", ("file {conf}",), ("owner: nobody", "group: nogroup")),
    Fault("directory closed by a umask", "server1", "chmod 700 /etc/spire", ("directory /etc/spire",), ("mode: 0700",)),
    Fault("directory closed by a umask", "agent1", "chmod 700 /run/spire", ("directory /run/spire",), ("mode: 0700",)),
    Fault("directory of somebody else", "agent2", "chown nobody /var/lib/spire", ("directory /var/lib/spire",), ("owner: nobody",)),
    Fault("directory closed by a umask", "agent3", "chmod 750 /opt/spire", ("directory /opt/spire",), ("mode: 0750",)),
    # --- definitions and states of services
    Fault("unit stopped", "server1", "systemctl stop {unit}", ("{unit}",), ("inactive",), restarts=None),
    Fault("unit disabled", "agent1", "systemctl disable --quiet {unit}", ("{unit} at boot",), ("disabled",)),
    Fault(
        "unit file edited", "agent2", "echo '# edited' >>/etc/systemd/system/{unit}",
        ("file /etc/systemd/system/{unit}", "systemd has not read the unit as it is now"), ("# edited",),
    ),
    Fault("unit stopped", "agent3", "systemctl stop {unit}", ("{unit}",), ("inactive",), restarts=None),
    # --- binaries and running processes
    Fault(
        "binary replaced", "server1",
        "cd /opt/spire/*/bin && cp spire-server new && echo more >>new && mv new spire-server",
        ("binaries of SPIRE {version}",), ("was changed after it had been placed",),
        restarts=True,
    ),
    Fault(
        "link repointed", "agent1", "ln -sfn 0.0.1 /opt/spire/agent-main",
        ("link /opt/spire/agent-main",), ("0.0.1",),
    ),
    Fault(
        "runs with an older configuration", "agent2",
        "cp -a {conf} /root/kept && sed -i s/INFO/WARN/ {conf} && systemctl restart {unit} && cp -a /root/kept {conf}",
        ("{unit} was started with another {conf}",), restarts=True,
    ),
    Fault(
        "data directory lost while the agent is down", "agent3", "systemctl stop {unit} && rm -rf {data}",
        ("directory {data}", *LOST, "{unit}"), ("has no identity yet",), restarts=None,
    ),
    # --- temporary files of killed runs, and the files beside the configuration
    Fault(
        "candidate of a killed run", "server1", "touch /etc/spire/server/.main.conf.candidate",
        ("/etc/spire/server/.main.conf.candidate is left over",),
    ),
    Fault(
        "token of a killed run", "agent1",
        "mkdir -p /run/spire-fleet/agent-main.enrol && echo left-over >/run/spire-fleet/agent-main.enrol/token",
        ("/run/spire-fleet/agent-main.enrol is left over",),
    ),
    Fault("bundle lost", "agent2", "rm /etc/spire/agent/main.bundle.pem", ("file /etc/spire/agent/main.bundle.pem",), ("absent",)),
    Fault(
        "environment edited", "agent3", "sed -i s/^MOLECULE_PLANTED/OTHER/ /etc/spire/agent/main.env",
        ("file /etc/spire/agent/main.env",), ("MOLECULE_PLANTED=(redacted)",),
    ),
    # --- the server's and the agents' view of each other
    Fault("data directory's owner changed", "server1", "chown root: {data}", ("directory {data}",), ("owner: root",)),
    Fault(
        "evicted while the agent is down", "agent1", "systemctl stop {unit}",
        (*LOST, "{unit}"), ("is not known to its server any more",), restarts=None,
        on_server="agent evict -spiffeID {id}",
    ),
    Fault(
        "data directory lost while the agent runs", "agent2", "rm -rf {data}",
        ("directory {data}", *LOST), ("has no identity yet",), restarts=True,
    ),
    Fault(
        "socket removed", "agent3", "rm {socket}", ("{unit} does not answer at {socket}",), restarts=True,
    ),
)
ROUNDS = faults.rounds(FAULTS)


@pytest.fixture(scope="module")
def play_round(shell: Callable[..., str], take_snapshot: Callable[[], Snapshot]) -> Callable[[Fault], Round]:
    """Returns the round of a fault. The first test that needs the round plays it."""
    played: dict[int, Round] = {}

    def play(fault: Fault) -> Round:
        number = next(index for index, rows in enumerate(ROUNDS) if fault in rows)
        if number not in played:
            played[number] = faults.play(ROUNDS[number], shell, take_snapshot)
        return played[number]

    return play


@pytest.fixture(params=FAULTS, ids=lambda fault: f"{fault.host}: {fault.name}", scope="module")
def fault(request: pytest.FixtureRequest) -> Fault:
    return request.param


def test_check_mode_reports_exactly_the_fault(fault: Fault, play_round: Callable[[Fault], Round]) -> None:
    check = play_round(fault).checks[0].require()
    assert check.differences(fault.host, fault.component) == fault.expected
    for text in fault.diff:
        assert text in check.shown(fault.host, fault.component)


def test_check_mode_changes_nothing(fault: Fault, play_round: Callable[[Fault], Round]) -> None:
    observed = play_round(fault)
    assert observed.checked[fault.host] == observed.broken[fault.host]


def test_the_fault_was_made(fault: Fault, play_round: Callable[[Fault], Round]) -> None:
    observed = play_round(fault)
    assert observed.broken[fault.host] != observed.sound[fault.host]


def test_a_second_check_reports_the_same(fault: Fault, play_round: Callable[[Fault], Round]) -> None:
    second = play_round(fault).checks[1].require()
    assert second.differences(fault.host, fault.component) == fault.expected


def test_the_run_repairs_it(fault: Fault, play_round: Callable[[Fault], Round]) -> None:
    observed = play_round(fault)
    assert observed.repair.require().differences(fault.host, fault.component) == fault.expected
    assert observed.repair.acted(fault.host)
    assert not_restored(observed.sound[fault.host], observed.repaired[fault.host]) == {}


def test_the_process_restarts_only_when_it_must(fault: Fault, play_round: Callable[[Fault], Round]) -> None:
    observed = play_round(fault)
    before = observed.broken[fault.host]["services"][fault.component]["MainPID"]
    after = observed.repaired[fault.host]["services"][fault.component]["MainPID"]
    assert after != "0"
    if fault.restarts is None:
        assert before == "0"
    else:
        assert (after != before) is fault.restarts


def test_the_next_run_changes_nothing(fault: Fault, play_round: Callable[[Fault], Round]) -> None:
    after = play_round(fault).after.require()
    assert after.changed == {}
    assert not after.acted(fault.host)
    assert after.differences(fault.host, fault.component) == []


def test_secrets_are_not_shown(fault: Fault, play_round: Callable[[Fault], Round]) -> None:
    observed = play_round(fault)
    for run in (*observed.checks, observed.repair):
        assert "planted-in-the-environment" not in run.stdout + run.stderr
