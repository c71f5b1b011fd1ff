# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures `site` over converged agents that are reached by SSH, with Ansible's own strategy and with Mitogen's.

    python -m tools.bench.over_ssh [--agents 40] [--rounds 5]

Each is a ratio to a ping of the same hosts with the same strategy. Mitogen takes over the connections that it knows, SSH among them, and leaves the
connection plugin of the other measurements alone. Several agents share a host and with it a connection, in each of the runs.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.support import mitogen
from tools.bench import bench
from tools.bench.cost import Cost
from tools.bench.scale import HOSTS, ratio_of, run, show

FLEET = "spire-fleet-bench-ssh"
#: how many times its ratio without Mitogen the ratio with Mitogen may be; two measurements of one thing differ by that much
BUDGET = 1.1
#: makes each host one that root reaches by SSH with the key in the variable `key`, and writes how to reach it
LOGIN = {
    "hosts": "all", "gather_facts": False, "tasks": [
        {"ansible.builtin.apt": {"name": "openssh-server", "install_recommends": False, "update_cache": True}},
        {"ansible.builtin.file": {"path": "/root/.ssh", "state": "directory", "mode": "0700"}},
        {"ansible.builtin.copy": {"content": "{{ lookup('file', key ~ '.pub') }}\n", "dest": "/root/.ssh/authorized_keys", "mode": "0600"}},
        {"ansible.builtin.systemd_service": {"name": "ssh", "state": "restarted"}},
        {"ansible.builtin.command": {"argv": ["hostname", "--all-ip-addresses"]}, "register": "address", "changed_when": False},
        {"ansible.builtin.slurp": {"src": "/etc/ssh/ssh_host_ed25519_key.pub"}, "register": "host_key"},
        {
            "delegate_to": "localhost", "run_once": True, "vars": {"ansible_connection": "local"}, "loop": ["ssh_config", "known_hosts"],
            "ansible.builtin.template": {"src": "{{ item }}.j2", "dest": "{{ key | dirname }}/{{ item }}", "mode": "0600"},
        },
    ],
}
TEMPLATES = {
    "ssh_config.j2": """{% for host in ansible_play_hosts %}
Host {{ host }}
  HostName {{ hostvars[host].address.stdout | trim }}
  HostKeyAlias {{ host }}
{% endfor %}
Host *
  User root
  IdentityFile {{ key }}
  IdentitiesOnly yes
  UserKnownHostsFile {{ key | dirname }}/known_hosts
  StrictHostKeyChecking yes
""",
    "known_hosts.j2": """{% for host in ansible_play_hosts %}
{{ host }} {{ hostvars[host].host_key.content | b64decode | trim }}
{% endfor %}
""",
}


def let_root_log_in(made: bench.Bench) -> None:
    """Makes root's key, and the files that say how SSH reaches the hosts."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(made.work / "key")], check=True)
    for name, text in TEMPLATES.items():
        (made.work / name).write_text(text)
    (made.work / "login.yml").write_text(json.dumps([LOGIN]))
    names = {name: {"ansible_host": f"{FLEET}-{name}"} for name in ("server", *HOSTS)}
    inventory = made.work / "login.json"
    inventory.write_text(json.dumps({"all": {"hosts": names, "vars": {**made.variables(), "key": str(made.work / "key")}}}))
    made.run("ansible-playbook", "-i", str(inventory), str(made.work / "login.yml"))


def inventory_of(made: bench.Bench, agents: int) -> Path:
    """Writes an inventory of the server and so many agents, which are reached by SSH; returns its path."""
    reached = {"ansible_connection": "ssh", "ansible_ssh_common_args": f"-F {made.work / 'ssh_config'}"}
    # SSH reaches the hosts by their short names.
    on_hosts = {name: {**one, "ansible_host": HOSTS[number % len(HOSTS)]} for number, (name, one) in enumerate(
        bench.instances(FLEET, {f"a{number}": HOSTS[number % len(HOSTS)] for number in range(agents)}).items()
    )}
    tree = {"all": {"vars": {**made.variables(), **reached}, "children": {
        "spire_servers": {"hosts": {"server": {"ansible_host": "server"}}}, "spire_agents": {"hosts": on_hosts},
    }}}
    path = made.work / "ssh.json"
    path.write_text(json.dumps(tree))
    return path


def ratio(made: bench.Bench, name: str, inventory: Path, rounds: int, environment: Mapping[str, str]) -> float:
    """Prints what a converged run costs with this strategy, and returns its ratio to a ping."""
    ping = made.work / "ping.yml"
    ping.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": [{"ansible.builtin.ping": {}}]}]))
    costs: dict[str, list[Cost]] = {"ping": [], "site": []}
    for _round in range(rounds):
        costs["ping"].append(run(made, "ansible-playbook", "-i", str(inventory), str(ping), **environment))
        costs["site"].append(run(made, "ansible-playbook", "-i", str(inventory), "spire.fleet.site", **environment))
        bench.require_converged(costs["site"][-1].output)
    show(name, costs)
    return ratio_of(costs, lambda cost: cost.seconds)


def main() -> int:
    """Returns 1 where Mitogen makes the ratio worse."""
    given = bench.options(__doc__, agents=40, rounds=5).parse_args()
    with tempfile.TemporaryDirectory() as work, bench.started(FLEET, "server", *HOSTS):
        made = bench.Bench(Path(work), list(HOSTS), given.forks)
        let_root_log_in(made)
        inventory = inventory_of(made, given.agents)
        run(made, "ansible-playbook", "-i", str(inventory), "spire.fleet.site")
        print(f"SPIRE {made.version}, forks {given.forks}, {given.rounds} rounds, over SSH", flush=True)
        plain = ratio(made, "linear", inventory, given.rounds, {})
        fast = ratio(made, "mitogen_linear", inventory, given.rounds, mitogen.environment())
    sound = fast <= plain * BUDGET
    print(
        f"bench: {given.agents} agents over SSH, converged: site to ping {plain:.2f}, with Mitogen {fast:.2f}, budget {BUDGET} times the first: "
        f"{'ok' if sound else 'OVER'}"
    )
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
