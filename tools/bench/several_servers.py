# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures a fleet of three servers on one PostgreSQL: how long the third one takes to join, and what a run over the converged fleet costs.

    python -m tools.bench.several_servers [--agents 30] [--rounds 5]

A join is compared with copying the server's program and its files and starting it, each on a fresh host. `site` also checks the inventory,
reads what the host has, checks the database, has SPIRE validate the configuration, waits until the server is healthy, and checks again. A
run over the converged fleet is compared with `ansible -m ping` over its hosts with the same forks. Each pair is run in turns, so that a busy
machine slows both alike; only the ratios of the medians mean anything.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support import collection, hosts
from tools.bench import bench

FLEET = "spire-fleet-bench-servers"
SERVERS = ("server1", "server2", "server3")
#: the hosts of the agents, each with several instances
HOSTS = ("host1", "host2", "host3")
PREPARE = collection.REPO / "molecule" / "ha_postgres" / "database.yml"
COPY = Path(__file__).with_name("join.yml")
#: how many times the time of copying and starting a join may take
JOIN_BUDGET = 1.5
#: seconds between the start of the fleet and the measurement of converged runs
SETTLE = 30
#: how many times the time of a ping a run over the converged fleet may take
CONVERGED_BUDGET = 1.7


def inventory(made: bench.Bench, agents: int) -> Path:
    """Writes the inventory of three servers on one database, and of agents on a few hosts; returns its path."""
    sql = {"database_type": "postgres", "connection_string": "host=db1 dbname=spire user=spire password=planted-password-51c7 sslmode=disable"}
    servers: dict[str, Any] = {name: {"ansible_host": f"{FLEET}-{name}"} for name in SERVERS}
    tree = {
        "all": {
            "vars": {
                **made.variables(), "spire_server_address": "server1", "spire_server_config": {"plugins": {"DataStore": {"sql": {"plugin_data": sql}}}},
            },
            "hosts": {"db1": {"ansible_host": f"{FLEET}-db1"}},
            "children": {
                "spire_servers": {"hosts": servers},
                "spire_agents": {"hosts": bench.instances(FLEET, {f"a{n}": HOSTS[n % len(HOSTS)] for n in range(agents)})},
            },
        }
    }
    path = made.work / "servers.json"
    path.write_text(json.dumps(tree))
    return path


def fresh(host: str) -> None:
    """Makes a host anew."""
    hosts.podman("rm", "--force", "--time", "0", f"{FLEET}-{host}")
    up(host)


def up(*names: str) -> None:
    """Starts hosts."""
    subprocess.run([str(hosts.COMMAND), "up", FLEET, *names], stdout=subprocess.DEVNULL, check=True)


def medians(rounds: int, ways: dict[str, Callable[[], float]]) -> list[float]:
    """Runs each of the ways in turns, prints its seconds, and returns the medians."""
    times: dict[str, list[float]] = {way: [] for way in ways}
    for _round in range(rounds):
        for way, run in ways.items():
            times[way].append(run())
            print(f"{way} in {times[way][-1]:.2f} s", flush=True)
    return [statistics.median(times[way]) for way in ways]


def within(what: str, ratio: float, budget: float) -> bool:
    """Prints a ratio and whether it is within its budget; returns the latter."""
    print(f"bench: {what} {ratio:.2f}, budget {budget}: {'ok' if ratio <= budget else 'OVER'}", flush=True)
    return ratio <= budget


def measure(made: bench.Bench, agents: int, rounds: int) -> bool:
    """Measures a join and converged runs; returns whether both are within their budgets."""
    path = inventory(made, agents)

    def playbook(*arguments: str) -> float:
        return made.run("ansible-playbook", "-i", str(path), *arguments)[0]

    def afresh(*arguments: str) -> float:
        fresh("server3")
        return playbook(*arguments)

    playbook(str(PREPARE))
    playbook("spire.fleet.site", "--limit", "server1,server2")
    copied, joined = medians(rounds, {
        "copied and started": lambda: afresh(str(COPY)),
        "joined": lambda: afresh("spire.fleet.site", "--limit", "server3"),
    })
    sound = within(f"SPIRE {made.version}, a third server joins in {joined:.2f} s; to copying and starting it", joined / copied, JOIN_BUDGET)
    playbook("spire.fleet.site")
    # Servers and agents that have just started are busy for a while.
    time.sleep(SETTLE)
    ping, site = medians(rounds, {
        "ping": lambda: made.run("ansible", "-i", str(path), "spire_servers:spire_agents", "-m", "ansible.builtin.ping")[0],
        "site": lambda: made.site(path)[0],
    })
    return within(f"{len(SERVERS)} servers and {agents} agents, converged, site in {site:.2f} s; to a ping", site / ping, CONVERGED_BUDGET) and sound


def main() -> int:
    """Returns 1 where something is over its budget."""
    given = bench.options(__doc__, agents=30, rounds=5).parse_args()
    with tempfile.TemporaryDirectory() as work, bench.started(FLEET, "db1", *SERVERS, *HOSTS):
        made = bench.Bench(Path(work), [], given.forks)
        return 0 if measure(made, given.agents, given.rounds) else 1


if __name__ == "__main__":
    sys.exit(main())
