# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures preflight over a whole inventory, and for comparison a play over the same inventory that does nothing.

The hosts are names only and are not reached. Either the agents of a group share one configuration, as in most fleets, or each
agent has its own, which is the worst case.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.bench.cost import Cost, measured

SIZES = (1000, 10000)
#: the budget: CPU seconds and bytes for the larger fleet, and how many times the linear growth the growth may be
SECONDS = 60.0
BYTES = 2 * 1024**3
GROWTH = 1.3
NOTHING = {"ansible.builtin.debug": {"msg": "nothing"}}
PREFLIGHT: dict[str, Any] = {"spire.fleet.preflight": {}}


def measure(work: Path, environment: Mapping[str, str]) -> bool:
    """Prints a line for each fleet; returns whether all of them are within the budget."""
    for name, task in (("nothing", NOTHING), ("preflight", PREFLIGHT)):
        play = {"hosts": "all", "gather_facts": False, "tasks": [{**task, "run_once": True}]}
        (work / f"{name}.yml").write_text(json.dumps([play]))
    within = True
    for own in (False, True):
        costs = []
        for size in SIZES:
            inventory = work / f"preflight-{size}.json"
            inventory.write_text(json.dumps(fleet(size, own)))
            baseline = run(work, environment, inventory, "nothing.yml")
            cost = run(work, environment, inventory, "preflight.yml")
            costs.append(cost)
            print(
                f"{size:6d} agents, {'a configuration each' if own else 'configurations by group'}: preflight {cost.cpu:.1f} s CPU, "
                f"{cost.bytes / 1024**2:.0f} MiB; a play without preflight 1.00, with it {cost.cpu / baseline.cpu:.2f}",
                flush=True,
            )
        growth = costs[1].cpu / costs[0].cpu / (SIZES[1] / SIZES[0])
        fits = costs[1].cpu <= SECONDS and costs[1].bytes <= BYTES and growth <= GROWTH
        print(
            f"bench: {SIZES[1]} agents take {growth * SIZES[1] / SIZES[0]:.1f} times as long as {SIZES[0]}; budget "
            f"{GROWTH * SIZES[1] / SIZES[0]:.0f} times, {SECONDS:.0f} s CPU, {BYTES // 1024**2} MiB: {'ok' if fits else 'OVER'}",
            flush=True,
        )
        within = within and fits
    return within


def fleet(size: int, own: bool) -> dict[str, Any]:
    """Returns an inventory with a server and this many agents in ten groups."""
    agents: dict[str, Any] = {f"agent{number}": {} for number in range(size)}
    if own:
        for number, name in enumerate(agents):
            agents[name] = {"spire_agent_config__own": {"health_checks": {"bind_port": 20000 + number}}}
    groups = {
        f"site{digit}": {
            "hosts": dict.fromkeys(list(agents)[digit::10]),
            "vars": {"spire_agent_config__site": {"agent": {"log_level": ("INFO", "DEBUG")[digit % 2]}}},
        }
        for digit in range(10)
    }
    entry = {"spiffe_id": "/a", "parent_id": "/fleet/site1", "selectors": ["unix:uid:1"]}
    shared = {"spire_trust_domain": "bench.test", "spire_entries": [entry]}
    return {"all": {"vars": shared, "children": {"spire_servers": {"hosts": {"server": {}}}, "spire_agents": {"hosts": agents}, **groups}}}


def run(work: Path, environment: Mapping[str, str], inventory: Path, playbook: str) -> Cost:
    """Runs a playbook over an inventory, and returns its cost."""
    return measured([str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(inventory), playbook], work, environment)
