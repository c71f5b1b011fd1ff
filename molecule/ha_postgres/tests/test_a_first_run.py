# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Three servers after the first run: they started one by one, share one datastore and no key, and are reached through the load balancer."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.support import faults, site_run

Shell = Callable[..., str]
SERVERS = ("server1", "server2", "server3")
#: prints when the server was started, and when a run saw it healthy for the first time, in seconds since the epoch
STARTED = """python3 -c '
import os, subprocess
text = subprocess.check_output(["ps", "-o", "lstart=", "-p", subprocess.check_output(
    ["systemctl", "show", "--property=MainPID", "--value", "spire-server@main.service"], text=True).strip()], text=True).strip()
print(int(subprocess.check_output(["date", "--date", text, "+%s"])), os.stat("/etc/spire/server/.main.healthy").st_mtime)'"""
#: connects to server1 and says, by the PROXY protocol, that somebody else does; prints what comes back to a TLS client
FORGED = """python3 -c '
import socket, ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
plain = socket.create_connection(("server1", 8081), 5)
plain.sendall(%s.encode())
try:
    context.wrap_socket(plain)
    print("TLS")
except OSError as exc:
    print("refused")'"""


def proxied() -> bool:
    """Whether this release of SPIRE reads the header of the PROXY protocol."""
    return tuple(int(part) for part in os.environ["SPIRE_TEST_VERSION"].split(".")[:2]) >= (1, 15)


def test_servers_start_one_by_one_and_each_is_healthy_first(shell: Shell) -> None:
    times = [[float(one) for one in shell(server, STARTED).split()] for server in SERVERS]
    for (_started, healthy), (next_started, _healthy) in zip(times, times[1:]):
        assert healthy <= next_started + 1, times


def test_keys_are_not_shared_and_the_datastore_is(shell: Shell, known: Callable[[str], Any], authorities: Callable[[str, str], str]) -> None:
    for kind in ("x509", "jwt"):
        assert len({authorities(server, kind) for server in SERVERS}) == 3
    assert len({shell(server, "sha256sum </var/lib/spire/server/main/keys.json") for server in SERVERS}) == 3
    bundles = {shell(server, faults.cli("bundle show")) for server in SERVERS}
    assert len(bundles) == 1
    bundle = json.loads(bundles.pop())
    assert (len(bundle["x509_authorities"]), len(bundle["jwt_authorities"])) == (3, 3)
    found = [known(server) for server in SERVERS]
    assert found[0] == found[1] == found[2]
    assert len(found[0].agents) == 3 and found[0].entries


def test_a_changed_group_is_restarted_one_by_one(shell: Shell) -> None:
    changed = {"spire_server_config__log": {"server": {"log_level": "DEBUG"}}}
    run = site_run.run("site", "--tags", "servers", variables=changed).require()
    steps = [(task.host, task.name) for task in run.tasks if task.name in (site_run.APPLY, site_run.existing("Wait until the service is healthy"))]
    assert steps == [(server, name) for server in SERVERS for name in (site_run.APPLY, "Wait until the service is healthy")]


def test_servers_see_the_addresses_of_the_agents(shell: Shell, groups: dict[str, list[str]]) -> None:
    if not proxied():
        pytest.skip("this release takes no PROXY protocol")
    agents = {shell(agent, "hostname --ip-address").split()[0] for agent in groups["spire_agents"]}
    end = time.monotonic() + 30
    seen: set[str] = set()
    # DEBUG, from the test above, logs each call of an agent with its address.
    while not agents <= seen and time.monotonic() < end:
        for server in SERVERS:
            log = shell(server, "journalctl --unit=spire-server@main.service --output=cat | grep -o 'caller_addr=\"[0-9.]*' | sort -u || true")
            seen |= {line.partition('"')[2] for line in log.splitlines()}
        time.sleep(1)
    assert agents <= seen
    assert shell("lb1", "hostname --ip-address").split()[0] not in seen


def test_a_forged_address_is_refused(shell: Shell) -> None:
    if not proxied():
        pytest.skip("this release takes no PROXY protocol")
    assert shell("agent1", FORGED % json.dumps("PROXY TCP4 192.0.2.1 192.0.2.2 1000 8081\r\n")) == "refused"
    assert shell("agent1", FORGED % json.dumps("")) == "TLS"


def test_verify_finds_nothing_and_site_takes_the_log_level_back() -> None:
    assert set(site_run.run("site").require().changed) == set(SERVERS)
    run = site_run.run("verify").require()
    assert run.changed == {}
