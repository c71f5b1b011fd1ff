# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SPIRE writes its log in the form that the inventory asks for, and logrotate rotates it without losing a line."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.support import faults, site_run

LOG = "/var/log/spire/server.log"
RULES = {"server1": "/etc/logrotate.d/spire-server-main", "agent1": "/etc/logrotate.d/spire-agent-main"}
ENTRIES, ROTATIONS = 200, 8
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
    create = faults.cli("entry create").replace(" -output json", "")
    before = shell("server1", "systemctl show --property=MainPID --value spire-server@main.service")
    shell("server1", UNDER_LOAD.format(rotations=ROTATIONS, entries=ENTRIES, rules=RULES["server1"], create=create))
    rotated = shell("server1", f"ls {LOG}* | wc -l")
    assert int(rotated) > ROTATIONS
    found = shell("server1", f"zcat -f {LOG}* | grep -o 'observe.test/rotated-[0-9]*-' | sort -u | wc -l")
    assert int(found) == ENTRIES
    assert shell("server1", "systemctl show --property=MainPID --value spire-server@main.service") == before
    assert site_run.run("site").require().changed == {}


def test_a_log_that_goes_to_the_journal_is_not_rotated_any_more(shell: Callable[..., str]) -> None:
    to_journal = {"spire_agent_config__journal": {"agent": {"log_file": None}}}
    checked = site_run.run("site", "--check", "--limit", "agent1", variables=to_journal).require()
    assert f"{RULES['agent1']} is not used any more" in checked.differences("agent1", "agent")
    site_run.run("site", "--limit", "agent1", variables=to_journal).require()
    assert shell("agent1", f"ls {RULES['agent1']} 2>/dev/null || true") == ""
    site_run.run("site").require()
    assert site_run.run("site").require().changed == {}
