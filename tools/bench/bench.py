# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures a run over a converged fleet, as a ratio to `ansible -m ping` over the same hosts with the same forks.

    python -m tools.bench.bench [--hosts 4] [--agents 50] [--rounds 5]

First the issuing of certificates for many hosts is measured, and preflight over large fleets without real hosts; `--agents 0` measures
nothing else. Then two fleets of real agents are converged: one agent on each of the podman hosts, and many agents, which are instances
on the same hosts and inventory hosts of their own. Ping, `site`, and `site` without preflight are run in turns, so that a busy machine
slows all of them alike; a plain role with one task for each thing is run once. Only the ratios of the medians mean anything.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support import collection, spire_bin
from tools.bench import authorities, preflight

HERE = Path(__file__).resolve().parent
HOSTS = collection.REPO / "tests" / "hosts"
FLEET = "spire-fleet-bench"
#: how many times the time of a ping a converged run may take
BUDGET = 2.5
#: how many times the time of a run without preflight a run with it may take
PREFLIGHT_BUDGET = 1.10


def instances(fleet: str, agents: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Returns the variables of these agents, each an instance on one of the podman hosts."""
    return {
        agent: {
            "ansible_host": f"{fleet}-{host}",
            "spire_agent_instance": agent,
            # Several agents on one host can't all have the conventional port.
            "spire_agent_config__bench": {"health_checks": {"listener_enabled": False}},
        }
        for agent, host in agents.items()
    }


@contextlib.contextmanager
def started(fleet: str, *names: str) -> Iterator[None]:
    """Starts podman hosts, and removes every host of the fleet at the end."""
    subprocess.run([str(HOSTS / "fleet"), "up", fleet, *names], stdout=subprocess.DEVNULL, check=True)
    try:
        yield
    finally:
        subprocess.run([str(HOSTS / "fleet"), "down", fleet], check=True)


def options(description: str | None, agents: int | list[int], rounds: int) -> argparse.ArgumentParser:
    """Returns the parser of the options that the benches share, with these defaults; a list allows several numbers of agents."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, nargs="+" if isinstance(agents, list) else None, default=agents)
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--forks", type=int, default=10)
    return parser


def require_converged(output: str) -> None:
    """Ends the bench where a run of `site` over a converged fleet reports a change."""
    if changes(output):
        raise SystemExit(f"bench: the fleet is converged, and site reports changed={changes(output)}:\n{output[-4000:]}")


def changes(output: str) -> int:
    """Returns how many changes the recap of a run counts."""
    return sum(int(word.split("=")[1]) for word in output.split() if word.startswith("changed="))


class Bench:
    """Runs commands over inventories of podman hosts."""

    def __init__(self, work: Path, hosts: list[str], forks: int) -> None:
        self.work, self.hosts = work, hosts
        bin_dir = spire_bin.find_bin_dir()
        if bin_dir is None:
            raise SystemExit(f"bench: {spire_bin.why_missing()}")
        self.bin_dir = bin_dir
        self.version = spire_bin.binary_version(bin_dir / "spire-agent")
        self.trips = work / "trips"
        (work / "ansible.cfg").write_text(f"[defaults]\nconnection_plugins = {HERE / 'connection'}\n")
        self.environment = {
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(collection.COLLECTIONS),
            "ANSIBLE_CONFIG": str(work / "ansible.cfg"),
            "ANSIBLE_FORKS": str(forks),
            "ANSIBLE_PIPELINING": "true",
            "PYTHONPATH": str(collection.REPO),
            "BENCH_TRIPS": str(self.trips),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCALHOST_WARNING": "false",
        }

    def variables(self) -> dict[str, Any]:
        """Returns the variables of every host of an inventory."""
        return {
            "ansible_connection": "counted_host",
            "ansible_python_interpreter": "/usr/bin/python3",
            "ansible_user": "root",
            "spire_trust_domain": "bench.test",
            "spire_version": self.version,
            "spire_install_source": "local",
            "spire_local_dir": str(self.bin_dir),
        }

    def inventory(self, name: str, agents: dict[str, str]) -> Path:
        """Writes an inventory of the server and these agents, each on a podman host; returns its path."""
        tree = {
            "all": {
                "vars": self.variables(),
                "children": {
                    "spire_servers": {"hosts": {"server": {"ansible_host": f"{FLEET}-server"}}},
                    "spire_agents": {"hosts": instances(FLEET, agents)},
                },
            }
        }
        path = self.work / f"{name}.json"
        path.write_text(json.dumps(tree))
        return path

    def run(self, *argv: str) -> tuple[float, str]:
        """Runs a command; returns its seconds and its output. A failure ends the bench."""
        started = time.monotonic()
        done = subprocess.run(
            [str(HOSTS / "namespace"), str(Path(sys.executable).parent / argv[0]), *argv[1:]],
            env=self.environment, cwd=self.work, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )
        seconds = time.monotonic() - started
        if done.returncode:
            raise SystemExit(f"bench: {' '.join(argv)} failed:\n{done.stdout[-4000:]}")
        return seconds, done.stdout

    def counted(self, *argv: str) -> tuple[float, str, Counter[str]]:
        """Runs a command; returns its seconds, its output and the round trips to each host."""
        self.trips.write_text("")
        seconds, output = self.run(*argv)
        return seconds, output, Counter(self.trips.read_text().splitlines())

    def site(self, inventory: Path, *options: str) -> tuple[float, Counter[str]]:
        """Runs site over a converged fleet; returns the seconds and the round trips to each host."""
        seconds, output, calls = self.counted("ansible-playbook", "-i", str(inventory), "spire.fleet.site", *options)
        require_converged(output)
        return seconds, calls

    def measure(self, name: str, agents: dict[str, str], rounds: int) -> dict[str, Any]:
        """Converges a fleet, then measures ping, site and the plain role in turns."""
        inventory = self.inventory(name, agents)
        self.run("ansible-playbook", "-i", str(inventory), "spire.fleet.site")
        times: dict[str, list[float]] = {"ping": [], "site": [], "unchecked": [], "plain": []}
        tasks: Counter[str] = Counter()
        plain = ("ansible-playbook", "-i", str(inventory), str(HERE / "baseline.yml"))
        for _round in range(rounds):
            seconds, _output, ping = self.counted("ansible", "-i", str(inventory), "all", "-m", "ansible.builtin.ping")
            times["ping"].append(seconds)
            seconds, site = self.site(inventory)
            times["site"].append(seconds)
            times["unchecked"].append(self.site(inventory, "--skip-tags", "preflight")[0])
            # The plain role is for comparison. It takes as long as all the others together, so it is run once.
            if not times["plain"]:
                seconds, _output, tasks = self.counted(*plain)
                times["plain"].append(seconds)
        median = {what: statistics.median(values) for what, values in times.items()}
        server = f"{FLEET}-server"
        # A module may cost the connection several calls; a ping is one module on every host.
        one = ping[server]
        module_trips = {what: (calls.total() - calls[server]) / one / len(agents) for what, calls in (("site", site), ("plain", tasks))}
        return {
            "agents": len(agents),
            "ping": median["ping"],
            "site": median["site"] / median["ping"],
            "preflight": median["site"] / median["unchecked"],
            "plain": median["plain"] / median["ping"],
            "site_trips": module_trips["site"],
            "plain_trips": module_trips["plain"],
            "server_trips": site[server] / one,
        }


def line(result: dict[str, Any]) -> str:
    """Returns a result as one line of text."""
    return (
        f"{result['agents']:4d} agents: ping 1.00 ({result['ping']:.2f} s), site {result['site']:.2f} (without "
        f"preflight 1.00, with it {result['preflight']:.2f}), plain role {result['plain']:.2f}; module round trips on "
        f"an agent: site {result['site_trips']:.1f}, plain role "
        f"{result['plain_trips']:.1f}; on the server: site {result['server_trips']:.1f}"
    )


def main() -> int:
    """Prints a line for each measurement; returns 1 where one of them is over its budget."""
    parser = options(__doc__, agents=50, rounds=5)
    parser.add_argument("--hosts", type=int, default=4)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        bench = Bench(Path(work), [f"host{number}" for number in range(1, given.hosts + 1)], given.forks)
        sound = authorities.measure(bench.work)
        sound = preflight.measure(bench.work, bench.environment) and sound
        if given.agents:
            sound = fleets(bench, given.agents, given.rounds) and sound
    return 0 if sound else 1


def fleets(bench: Bench, agents: int, rounds: int) -> bool:
    """Measures a fleet with one agent per host and a fleet of many agents; returns whether the second is within the budget."""
    hosts = bench.hosts
    with started(FLEET, "server", *hosts):
        forks = bench.environment["ANSIBLE_FORKS"]
        print(f"SPIRE {bench.version}, {len(hosts)} podman hosts, forks {forks}, {rounds} rounds", flush=True)
        print(line(bench.measure("few", {f"a{n}": host for n, host in enumerate(hosts)}, rounds)), flush=True)
        many = bench.measure("many", {f"a{n}": hosts[n % len(hosts)] for n in range(agents)}, rounds)
        print(line(many), flush=True)
    within = many["site"] <= BUDGET and many["preflight"] <= PREFLIGHT_BUDGET
    print(
        f"bench: over {agents} agents site costs {many['site']:.2f} of a ping, budget {BUDGET}, and {many['preflight']:.2f} of "
        f"itself without preflight, budget {PREFLIGHT_BUDGET:.2f}: {'ok' if within else 'OVER'}"
    )
    return within


if __name__ == "__main__":
    sys.exit(main())
