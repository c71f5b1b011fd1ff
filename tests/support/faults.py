# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A table of faults of hosts, and the code that makes several faults at once and has them reported and repaired.

The n-th rows of all hosts are one round: they are made together, one `--check --diff` reports them, and one run repairs them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from tests.support import site_run

Snapshot = dict[str, Any]

SOCKETS = {
    "server": "/run/spire/server/sockets/main/private/api.sock",
    "agent": "/run/spire/agent/sockets/main/public/api.sock",
}


def cli(command: str) -> str:
    """Returns a command of the server's own program, wherever that is installed, with JSON on its standard output."""
    program = "/proc/$(systemctl show --property=MainPID --value spire-server@main.service)/exe"
    return f"{program} {command} -output json -socketPath {SOCKETS['server']}"


#: prints an agent's own SVID as PEM
OWN_CERTIFICATE = """python3 -c '
import base64, json
data = json.load(open("/var/lib/spire/agent/main/agent-data.json"))
print(base64.b64decode(data["svid"][0]).decode())'"""
#: prints the tokens that the server still accepts
TOKENS = """python3 -c '
import sqlite3
for row in sqlite3.connect("/var/lib/spire/server/main/datastore.sqlite3").execute("select token from join_tokens"):
    print(row[0])'"""
#: prints the SPIFFE IDs of the agents that a server knows
AGENTS = cli("agent list") + """ | python3 -c '
import json, sys
for agent in json.load(sys.stdin)["agents"]:
    print("spiffe://%(trust_domain)s%(path)s" % agent["id"])'"""
#: prints the parent IDs of a server's entries
ENTRIES = cli("entry show") + """ | python3 -c '
import json, sys
for entry in json.load(sys.stdin)["entries"]:
    print("spiffe://%(trust_domain)s%(path)s" % entry["parent_id"])'"""


def own_id(shell: Callable[..., str], agent: str) -> str:
    """Returns the SPIFFE ID in an agent's own SVID."""
    names = shell(agent, OWN_CERTIFICATE + " | openssl x509 -noout -ext subjectAltName")
    (found,) = re.findall(r"spiffe://[^\s,]+", names)
    return str(found)


@dataclass(frozen=True)
class Fault:
    """One row. Commands and texts may contain {conf}, {data}, {unit}, {binary} and {socket} of the component, and {version}."""

    name: str
    host: str
    #: the shell command that makes the fault on that host
    command: str
    #: all differences that the drift check must report
    differences: tuple[str, ...]
    #: texts that the diff must contain
    diff: tuple[str, ...] = ()
    #: whether the repair restarts the process; None where it was not running
    restarts: bool | None = False
    #: a command of spire-server that follows; {id} is the agent's SPIFFE ID
    on_server: str = ""

    @property
    def component(self) -> str:
        return "server" if self.host.startswith("server") else "agent"

    def fill(self, text: str) -> str:
        """Returns the text with the names of this row's component filled in."""
        c = self.component
        for name, value in {
            "socket": SOCKETS[c],
            "conf": f"/etc/spire/{c}/main.conf",
            "data": f"/var/lib/spire/{c}/main",
            "unit": f"spire-{c}@main.service",
            "binary": f"/opt/spire/{c}-main/bin/spire-{c}",
            "version": os.environ["SPIRE_TEST_VERSION"],
        }.items():
            text = text.replace("{" + name + "}", value)
        return text

    @property
    def expected(self) -> list[str]:
        """Returns the differences that the drift check must report."""
        return [self.fill(text) for text in self.differences]


def rounds(faults: Iterable[Fault]) -> list[list[Fault]]:
    """Returns the rows of each round."""
    found: list[list[Fault]] = []
    for fault in faults:
        number = sum(fault.host == earlier.host for round_ in found for earlier in round_)
        if number == len(found):
            found.append([])
        found[number].append(fault)
    return found


@dataclass
class Round:
    """Everything that was observed while the faults of one round were made and repaired."""

    sound: Snapshot
    broken: Snapshot
    checks: list[site_run.Run]
    checked: Snapshot
    repair: site_run.Run
    repaired: Snapshot
    after: site_run.Run


def play(faults: list[Fault], shell: Callable[..., str], take_snapshot: Callable[[], Snapshot]) -> Round:
    """Makes the faults of a round, checks twice, repairs, and runs once more."""
    sound = take_snapshot()
    for fault in faults:
        shell(fault.host, fault.fill(fault.command))
        if fault.on_server:
            shell("server1", cli(fault.on_server.replace("{id}", own_id(shell, fault.host))))
    broken = take_snapshot()
    checks = [site_run.run("site", "--check", "--diff") for _turn in range(2)]
    checked = take_snapshot()
    repair = site_run.run("site", "--diff")
    repaired = take_snapshot()
    return Round(sound, broken, checks, checked, repair, repaired, site_run.run("site"))


def not_restored(sound: Snapshot, repaired: Snapshot) -> Snapshot:
    """Returns what is not as it was before the fault, apart from times and process IDs."""
    own = ("mtime", "inode", "MainPID", "NRestarts")

    def lasting(facts: Any) -> Any:
        return {key: value for key, value in facts.items() if key not in own} if isinstance(facts, dict) else facts

    found = {}
    for kind in sound:
        before, after = sound[kind], repaired[kind]
        if isinstance(before, dict):
            names = [name for name in {**before, **after} if lasting(before.get(name)) != lasting(after.get(name))]
            # This file holds the times of the programs beside it.
            found.update({name: (before.get(name), after.get(name)) for name in names if not name.endswith("/.manifest.json")})
        elif before != after:
            found[kind] = (before, after)
    return found
