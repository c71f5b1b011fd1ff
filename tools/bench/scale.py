# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures `site` over many agents, converged and with one in a hundred drifted, as a ratio to `ansible -m ping` over the same hosts.

    python -m tools.bench.scale [--agents 1000] [--rounds 3]

There is one real server, and 40 real agents on four podman hosts. Of the many agents of the inventory, the first ten are ten of these,
and all others stand for the other thirty: each is a host to Ansible, with a connection and a drift check of its own. CPU seconds are those of the controller
and of the modules on the hosts together, since all of them run on this machine.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support import hosts
from tools.bench import bench
from tools.bench.cost import Cost, measured

FLEET = "spire-fleet-bench-scale"
HOSTS = ("host1", "host2", "host3", "host4")
#: real agents, and those of them that one inventory host each stands for
REAL, OWN = 40, 10
#: how many times the time of a ping a run over so many converged agents may take
BUDGETS = {40: 1.4, 1000: 1.25}
#: What stands for another agent has its identity, and SPIRE allows an identity one alias for each group. So only the real agents get one.
ENTRIES = {
    "spire_canary": False,
    "spire_entries": [{"spiffe_id": f"/service{number}", "parent_id": "/fleet/real", "selectors": [f"unix:uid:{number}"]} for number in range(100)],
}
CHANGED = {"spire_agent_config__drift": {"agent": {"log_level": "debug"}}}


def agent_of(number: int) -> int:
    """Returns the number of the real agent that the inventory's agent of this number stands for."""
    return number if number < REAL else OWN + number % (REAL - OWN)


def inventory(made: bench.Bench, name: str, count: int, drifted: int = 0) -> Path:
    """Writes an inventory of the server and so many agents, of which the first ones have another configuration; returns its path."""
    agents: dict[str, Any] = {}
    for number in range(count):
        real = agent_of(number)
        alias = f"{FLEET}-stand-in{number}"
        agents[f"a{number}"] = {
            **bench.instances(FLEET, {f"a{real}": HOSTS[real % len(HOSTS)]})[f"a{real}"], "ansible_host": alias,
            **(CHANGED if number < drifted else {}),
        }
        link = hosts.PIDS / alias
        link.unlink(missing_ok=True)
        link.symlink_to(hosts.PIDS / f"{FLEET}-{HOSTS[real % len(HOSTS)]}")
    tree = {
        "all": {
            "vars": {**made.variables(), **ENTRIES},
            "children": {
                "spire_servers": {"hosts": {"server": {"ansible_host": f"{FLEET}-server"}}},
                "spire_agents": {"hosts": agents},
                "real": {"hosts": {name: {} for name in list(agents)[:REAL]}},
            },
        }
    }
    path = made.work / f"{name}.json"
    path.write_text(json.dumps(tree))
    return path


def run(made: bench.Bench, *argv: str, **environment: str) -> Cost:
    """Runs a command of Ansible where the hosts can be reached, and returns its cost."""
    command = [str(bench.HOSTS / "namespace"), str(Path(sys.executable).parent / argv[0]), *argv[1:]]
    return measured(command, made.work, {**made.environment, **environment})


def show(what: str, costs: Mapping[str, Sequence[Cost]]) -> None:
    """Prints the medians of the costs."""
    for name, found in costs.items():
        if found:
            seconds, cpu = (statistics.median(one(cost) for cost in found) for one in (lambda cost: cost.seconds, lambda cost: cost.cpu))
            print(f"{what}, {name}: {seconds:.1f} s, {cpu:.1f} s CPU, {max(one.bytes for one in found) / 1024**2:.0f} MiB", flush=True)


def ratio_of(costs: Mapping[str, Sequence[Cost]], of: Callable[[Cost], float]) -> float:
    """Returns how many times the cost of a ping a run of `site` costs, by the medians."""
    return statistics.median(map(of, costs["site"])) / statistics.median(map(of, costs["ping"]))


def measure(made: bench.Bench, count: int, rounds: int) -> bool:
    """Measures a fleet of so many agents; prints what was found, and returns whether it is within the budget."""
    converged = inventory(made, "converged", count)
    drifted = inventory(made, "drifted", count, count // 100)
    costs: dict[str, list[Cost]] = {"ping": [], "site": [], "drifted": []}
    for _round in range(rounds):
        costs["ping"].append(run(made, "ansible", "-i", str(converged), "all", "-m", "ansible.builtin.ping"))
        costs["site"].append(run(made, "ansible-playbook", "-i", str(converged), "spire.fleet.site"))
        bench.require_converged(costs["site"][-1].output)
        if count >= 100:
            costs["drifted"].append(run(made, "ansible-playbook", "-i", str(drifted), "spire.fleet.site"))
            assert bench.changes(costs["drifted"][-1].output) > 0
            run(made, "ansible-playbook", "-i", str(converged), "spire.fleet.site")
    show(f"{count:5d} agents", costs)
    ratio, cpu = ratio_of(costs, lambda cost: cost.seconds), ratio_of(costs, lambda cost: cost.cpu)
    budget = BUDGETS.get(count)
    sound = budget is None or ratio <= budget
    print(f"bench: {count} agents, converged: site to ping {ratio:.2f} (CPU {cpu:.2f}), budget {budget}: {'ok' if sound else 'OVER'}", flush=True)
    return sound


def main() -> int:
    """Returns 1 where something is over its budget."""
    given = bench.options(__doc__, agents=list(BUDGETS), rounds=3).parse_args()
    with tempfile.TemporaryDirectory() as work, bench.started(FLEET, "server", *HOSTS):
        made = bench.Bench(Path(work), list(HOSTS), given.forks)
        try:
            run(made, "ansible-playbook", "-i", str(inventory(made, "real", REAL)), "spire.fleet.site")
            print(f"SPIRE {made.version}, forks {given.forks}, {given.rounds} rounds", flush=True)
            over = [count for count in given.agents if not measure(made, count, given.rounds)]
            return 1 if over else 0
        finally:
            for link in hosts.PIDS.glob(f"{FLEET}-stand-in*"):
                link.unlink()


if __name__ == "__main__":
    sys.exit(main())
