# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures how long it takes until a third server has joined two, as a ratio to copying its program and its files and starting it.

    python -m tools.bench.third_server [--rounds 3]

The servers share one PostgreSQL. Both ways are run in turns, each on a fresh host, so that a busy machine slows both alike; only the ratio of
the medians means anything. `site` also checks the inventory, reads what the host has, checks the database, has SPIRE validate the
configuration, waits until the server is healthy, and checks again.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.support import collection
from tools.bench import bench

FLEET = "spire-fleet-bench-servers"
SERVERS = ("server1", "server2", "server3")
PREPARE = collection.REPO / "molecule" / "ha_postgres" / "database.yml"
#: how many times the time of copying and starting a join may take
BUDGET = 1.5


def inventory(made: bench.Bench) -> Path:
    """Writes the inventory of three servers on one database; returns its path."""
    sql = {"database_type": "postgres", "connection_string": "host=db1 dbname=spire user=spire password=planted-password-51c7 sslmode=disable"}
    tree: dict[str, Any] = {
        "all": {
            "vars": {
                "ansible_connection": "counted_host", "ansible_python_interpreter": "/usr/bin/python3", "ansible_user": "root",
                "ansible_host": f"{FLEET}-{{{{ inventory_hostname }}}}",
                "spire_trust_domain": "bench.test", "spire_version": made.version, "spire_install_source": "local",
                "spire_local_dir": str(made.bin_dir), "spire_server_address": "server1",
                "spire_server_config": {"plugins": {"DataStore": {"sql": {"plugin_data": sql}}}},
            },
            "hosts": {"db1": {}},
            "children": {"spire_servers": {"hosts": {name: {} for name in SERVERS}}},
        }
    }
    path = made.work / "servers.json"
    path.write_text(json.dumps(tree))
    return path


def fresh(host: str) -> None:
    """Makes a host anew."""
    subprocess.run([str(bench.HOSTS / "namespace"), "podman", "rm", "--force", "--time", "0", f"{FLEET}-{host}"], check=True, stdout=subprocess.DEVNULL)
    up(host)


def up(*hosts: str) -> None:
    """Starts hosts."""
    subprocess.run([str(bench.HOSTS / "fleet"), "up", FLEET, *hosts], stdout=subprocess.DEVNULL, check=True)


def measure(made: bench.Bench, rounds: int) -> bool:
    """Prints the times of both ways; returns whether a join is within the budget."""
    given = ("ansible-playbook", "-i", str(inventory(made)))
    made.run(*given, str(PREPARE))
    made.run(*given, "spire.fleet.site", "--limit", "server1,server2")
    ways = {
        "copied": (str(Path(__file__).with_suffix(".yml")),),
        "joined": ("spire.fleet.site", "--limit", "server3"),
    }
    times: dict[str, list[float]] = {way: [] for way in ways}
    for _round in range(rounds):
        for way, arguments in ways.items():
            fresh("server3")
            times[way].append(made.run(*given, *arguments)[0])
            print(f"{way} in {times[way][-1]:.2f} s", flush=True)
    copied, joined = (statistics.median(times[way]) for way in ("copied", "joined"))
    print(f"SPIRE {made.version}, medians of {rounds} rounds: copied in {copied:.2f} s, joined in {joined:.2f} s", flush=True)
    within = joined <= BUDGET * copied
    print(f"bench: a third server joins in {joined / copied:.2f} of copying and starting it, budget {BUDGET}: {'ok' if within else 'OVER'}", flush=True)
    return within


def main() -> int:
    """Returns 1 where a join is over its budget."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        made = bench.Bench(Path(work), [], 10)
        up("db1", *SERVERS)
        try:
            return 0 if measure(made, given.rounds) else 1
        finally:
            subprocess.run([str(bench.HOSTS / "fleet"), "down", FLEET], check=True)


if __name__ == "__main__":
    sys.exit(main())
