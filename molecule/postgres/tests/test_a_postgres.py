# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server keeps its data in PostgreSQL over verified TLS with a client certificate, and reads entries from a streaming replica."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from tests.support import faults, site_run
from tests.support.database_faults import CHECK

#: asks a database as its administrator
PSQL = "runuser -u postgres -- psql --quiet --no-align --tuples-only --set=ON_ERROR_STOP=1"
SESSIONS = """
SELECT a.usename, s.ssl, s.client_dn, count(*) > 0, count(*) <= 10
FROM pg_stat_activity a JOIN pg_stat_ssl s USING (pid) WHERE a.usename = 'spire' GROUP BY 1, 2, 3;
"""
NEW = {"spire_entries": [{"spiffe_id": "/late", "parent_id": "/fleet/spire_agents", "selectors": ["unix:uid:2"]}]}
FETCH = f"setpriv --reuid=2 /opt/spire-src/{os.environ['SPIRE_TEST_VERSION']}/bin/spire-agent api fetch x509 -socketPath {faults.SOCKETS['agent']}"


def ask(shell: Callable[..., str], host: str, question: str, database: str = "spire") -> str:
    return shell(host, f"{PSQL} {database}", question)


def test_the_data_is_in_both_databases(shell: Callable[..., str]) -> None:
    own = faults.own_id(shell, "agent1")
    for host in ("db1", "db2"):
        assert ask(shell, host, "SELECT code_version FROM migrations") == os.environ["SPIRE_TEST_VERSION"]
        assert own in ask(shell, host, "SELECT spiffe_id FROM attested_node_entries")
    assert [ask(shell, host, "SELECT pg_is_in_recovery()") for host in ("db1", "db2")] == ["f", "t"]
    site_run.run("verify").require()


def test_both_connections_have_tls_with_the_client_certificate(shell: Callable[..., str]) -> None:
    assert ask(shell, "db1", SESSIONS) == ask(shell, "db2", SESSIONS) == "spire|t|/CN=spire|t|t"


def test_the_options_of_the_pool_reach_spire(shell: Callable[..., str]) -> None:
    written = shell("server1", "cat /etc/spire/server/main.conf")
    for line in ("max_open_conns = 10", "max_idle_conns = 5", 'conn_max_lifetime = "10m"', "disable_migration = true"):
        assert line in written


@pytest.fixture
def paused(shell: Callable[..., str]) -> Iterator[None]:
    """Lets the replica replay nothing."""
    ask(shell, "db2", "SELECT pg_wal_replay_pause()")
    yield
    ask(shell, "db2", "SELECT pg_wal_replay_resume()")


def test_entries_come_from_the_replica(paused: None, shell: Callable[..., str]) -> None:
    """The server knows an entry that it has written to the primary, and gives it to the agent once the replica has it."""
    site_run.run("site", "--tags", "entries", variables=NEW).require()
    question = "SELECT count(*) FROM registered_entries WHERE spiffe_id LIKE '%/late'"
    assert (ask(shell, "db1", question), ask(shell, "db2", question)) == ("1", "0")
    assert "/late" in shell("server1", faults.cli("entry show"))
    # SPIRE's cache of entries is read anew every 5 seconds, and the agent asks every 5 seconds.
    assert "late" not in shell("agent1", f"sleep 15; {FETCH} 2>&1 || true")
    ask(shell, "db2", "SELECT pg_wal_replay_resume()")
    assert "spiffe://postgres.test/late" in shell("agent1", f"for second in $(seq 30); do {FETCH} 2>/dev/null && exit; sleep 1; done; {FETCH}")
    site_run.run("site").require()


def test_only_a_server_that_is_started_is_checked(shell: Callable[..., str]) -> None:
    """A file that somebody changed is written anew. The server was started with the right one, so it goes on, and its database is not asked."""
    shell("server1", "sed -i 's/max_open_conns = 10/max_open_conns = 11/' /etc/spire/server/main.conf")
    repaired = site_run.run("site").require()
    assert repaired.acted("server1") and repaired.named(CHECK) == []
    changed = {"spire_server_config__test": {"server": {"log_level": "DEBUG"}}}
    checked = site_run.run("site", "--check", variables=changed).require()
    assert [task.host for task in checked.named(CHECK)] == ["server1"] and not checked.acted("server1")
    again = site_run.run("site").require()
    assert again.changed == {} and again.named(CHECK) == []
