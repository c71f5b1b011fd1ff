# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The database is restarted under load, and is away for a while."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support import site_run
from tests.support.server_group import Load, problems

Shell = Callable[..., str]
SERVERS = ("server1", "server2", "server3")


def test_a_restart_under_load_loses_nothing(shell: Shell, known: Callable[[str], Any]) -> None:
    before, load = known("server1"), Load(shell)
    load.start(SERVERS, ("agent1", "agent3"))
    time.sleep(3)
    shell("db1", "systemctl restart postgresql")
    counts = {server: len(load.created[server]) for server in SERVERS}
    end = time.monotonic() + 30
    while time.monotonic() < end and not all(len(load.created[server]) > counts[server] + 1 for server in SERVERS):
        time.sleep(0.2)
    load.stop()
    assert all(len(load.created[server]) > counts[server] + 1 for server in SERVERS), load.errors
    found = known("server1")
    assert before.entries | load.all_created() <= found.entries
    assert before.agents == found.agents


@pytest.fixture(scope="module")
def without_database(shell: Shell, known: Callable[[str], Any], wait_healthy: Callable[..., None]) -> Iterator[None]:
    """Stops the database, and starts it again at the end."""
    before = known("server1")
    shell("db1", "systemctl stop postgresql")
    yield
    shell("db1", "systemctl start postgresql")
    wait_healthy(*SERVERS)
    assert known("server1") == before
    site_run.run("verify").require()
    assert site_run.run("site").require().changed == {}


def test_verify_names_every_server(without_database: None) -> None:
    found = problems(site_run.run("verify"))
    print("\n".join(found))
    assert [line.partition(": ")[0] for line in found if "not healthy: " in line] == [f"{server} (server)" for server in SERVERS]
    assert [line for line in found if line.startswith("agent1")] == [
        "agent1 (agent): its server gave no answer, so it is unknown whether it lists this agent"
    ]


def test_site_says_that_no_server_answers(without_database: None, groups: dict[str, list[str]]) -> None:
    run = site_run.run("site")
    print(run.failed)
    assert run.rc != 0 and run.changed == {}
    assert set(run.failed) >= set(groups["spire_agents"])
    assert "agent1: its server server1 does not answer, so nobody can tell whether it knows this agent: " in run.failed["agent1"]
