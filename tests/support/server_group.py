# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What tests do to a group of servers: load, fresh hosts, an inventory without a host."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import faults, hosts, site_run
from tests.support.collection import REPO

Shell = Callable[..., str]
HAPROXY = str(REPO / "examples" / "ha_postgres" / "haproxy.yml")
#: waits until an agent is healthy. SPIRE waits longer after each attestation that fails, up to a minute.
AGENT_HEALTHY = """
end=$(($(date +%%s) + 150))
while [ $(date +%%s) -lt $end ]; do
  /proc/$(systemctl show --property=MainPID --value spire-agent@main.service)/exe healthcheck -socketPath %s >/dev/null 2>&1 && exit 0
  sleep 0.2
done
exit 1""" % faults.SOCKETS["agent"]
#: has an agent attest anew, which needs no token, and waits until it is healthy
ATTEST = (
    "systemctl stop spire-agent@main.service && rm -rf /var/lib/spire/agent/main/* && systemctl start --no-block spire-agent@main.service || exit 1"
    + AGENT_HEALTHY
)


@dataclasses.dataclass(frozen=True)
class Known:
    """What the datastore holds: the IDs of the entries, and the SPIFFE IDs of the agents."""

    entries: frozenset[str]
    agents: frozenset[str]


@dataclasses.dataclass
class Load:
    """Creates entries on servers and has agents attest anew, one after the other on each host, until it is stopped."""

    shell: Shell
    #: the IDs of the entries that a server said it had created, the seconds at which agents had attested, and errors; each by host
    created: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    attested: dict[str, list[float]] = dataclasses.field(default_factory=dict)
    errors: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    _threads: list[threading.Thread] = dataclasses.field(default_factory=list)
    _end: threading.Event = dataclasses.field(default_factory=threading.Event)

    def start(self, servers: tuple[str, ...], agents: tuple[str, ...] = ()) -> None:
        """Begins, with a thread for each host."""
        for work, named in ((self._create, servers), (self._attest, agents)):
            for host in named:
                self.errors[host] = []
                self._threads.append(threading.Thread(target=self._repeat, args=(work, host), daemon=True))
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ends when each host has done what it had begun, and each agent is healthy."""
        self._end.set()
        for thread in self._threads:
            thread.join()
        for agent in self.attested:
            # An agent that found no server ends, and systemd starts it again.
            self.shell(agent, AGENT_HEALTHY)

    def all_created(self) -> set[str]:
        """Returns the IDs of all entries that servers said they had created."""
        return {one for made in self.created.values() for one in made}

    def _repeat(self, work: Callable[[str], None], host: str) -> None:
        while not self._end.is_set():
            try:
                work(host)
            except (AssertionError, KeyError, ValueError) as exc:
                self.errors[host].append(str(exc))
            self._end.wait(0.3)

    def _create(self, server: str) -> None:
        made = self.created.setdefault(server, [])
        answer = json.loads(self.shell(server, faults.cli(
            f"entry create -parentID spiffe://ha.test/load -spiffeID spiffe://ha.test/load/{server}/{time.time_ns()} -selector unix:uid:2"
        )))
        (result,) = answer["results"]
        assert result["status"]["code"] == 0, answer
        made.append(result["entry"]["id"])

    def _attest(self, agent: str) -> None:
        done = self.attested.setdefault(agent, [])
        self.shell(agent, ATTEST)
        done.append(time.monotonic())


def container(host: str) -> str:
    """Returns the name of a host's container."""
    return hosts.container(hosts.scenario_fleet(), host)


def fresh(host: str) -> None:
    """Destroys a host and makes it anew, empty, under its old name."""
    hosts.podman("rm", "--force", "--time", "0", container(host))
    subprocess.run([str(hosts.COMMAND), "up", hosts.scenario_fleet(), host], check=True, stdout=subprocess.DEVNULL)


def inventory_without(host: str, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes a host out of the inventory of the runs that follow in this test."""
    given = Path(os.environ["MOLECULE_INVENTORY_FILE"])

    def without(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: without(one) for name, one in value.items() if name != host}

    (directory / given.name).write_text(yaml.safe_dump(without(yaml.safe_load(given.read_text(encoding="utf-8")))), encoding="utf-8")
    for name in ("group_vars", "host_vars"):
        if (given.parent / name).exists():
            (directory / name).symlink_to(given.parent / name)
    monkeypatch.setenv("MOLECULE_INVENTORY_FILE", str(directory / given.name))


def problems(run: site_run.Run) -> list[str]:
    """Returns the lines about problems in the report of a failed verify."""
    (message,) = run.failed.values()
    return [line for line in message.splitlines() if "): " in line]
