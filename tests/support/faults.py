# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults of hosts: a row for each, and how they are broken, told and mended together.

The n-th rows of all hosts are one round: broken together, told by one `--check --diff`, mended by one run.
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
    """A command of the server's own program, wherever that lies, with JSON on its standard output."""
    program = "/proc/$(systemctl show --property=MainPID --value spire-server@main.service)/exe"
    return f"{program} {command} -output json -socketPath {SOCKETS['server']}"


#: prints an agent's own SVID as PEM
OWN_CERTIFICATE = """python3 -c '
import base64, json
data = json.load(open("/var/lib/spire/agent/main/agent-data.json"))
print(base64.b64decode(data["svid"][0]).decode())'"""
#: every token that the server would still take
TOKENS = """python3 -c '
import sqlite3
for row in sqlite3.connect("/var/lib/spire/server/main/datastore.sqlite3").execute("select token from join_tokens"):
    print(row[0])'"""
#: prints the agents that a server knows, each as its SPIFFE ID
AGENTS = cli("agent list") + """ | python3 -c '
import json, sys
for agent in json.load(sys.stdin)["agents"]:
    print("spiffe://%(trust_domain)s%(path)s" % agent["id"])'"""
#: prints the parents of a server's entries
ENTRIES = cli("entry show") + """ | python3 -c '
import json, sys
for entry in json.load(sys.stdin)["entries"]:
    print("spiffe://%(trust_domain)s%(path)s" % entry["parent_id"])'"""


def own_id(shell: Callable[..., str], agent: str) -> str:
    """The SPIFFE ID in an agent's own SVID."""
    names = shell(agent, OWN_CERTIFICATE + " | openssl x509 -noout -ext subjectAltName")
    (found,) = re.findall(r"spiffe://[^\s,]+", names)
    return str(found)


@dataclass(frozen=True)
class Fault:
    """One row. The commands and texts may name {conf}, {data}, {unit}, {binary} and {socket} of the component, and {version}."""

    name: str
    host: str
    #: how to break it: a shell command on that host
    breaks: str
    #: what the look must say, all of it
    says: tuple[str, ...]
    #: texts that the diff must show
    shows: tuple[str, ...] = ()
    #: whether the mended process is another one than before; None where it did not run
    restarts: bool | None = False
    #: a command of spire-server's afterwards; {id} is the agent's SPIFFE ID
    on_server: str = ""

    @property
    def component(self) -> str:
        return "server" if self.host.startswith("server") else "agent"

    def fill(self, text: str) -> str:
        """The text with the names of this row's component."""
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
        """What the look must say."""
        return [self.fill(text) for text in self.says]


def rounds(faults: Iterable[Fault]) -> list[list[Fault]]:
    """The rows in the rounds that they are tried in."""
    found: list[list[Fault]] = []
    for fault in faults:
        number = sum(fault.host == earlier.host for round_ in found for earlier in round_)
        if number == len(found):
            found.append([])
        found[number].append(fault)
    return found


@dataclass
class Round:
    """Everything that was seen while the faults of one round were there and went."""

    sound: Snapshot
    broken: Snapshot
    checks: list[site_run.Run]
    checked: Snapshot
    mending: site_run.Run
    mended: Snapshot
    after: site_run.Run


def play(faults: list[Fault], shell: Callable[..., str], take_snapshot: Callable[[], Snapshot]) -> Round:
    """Break, tell twice, mend, run again."""
    sound = take_snapshot()
    for fault in faults:
        shell(fault.host, fault.fill(fault.breaks))
        if fault.on_server:
            shell("server1", cli(fault.on_server.replace("{id}", own_id(shell, fault.host))))
    broken = take_snapshot()
    checks = [site_run.run("site", "--check", "--diff") for _turn in range(2)]
    checked = take_snapshot()
    mending = site_run.run("site", "--diff")
    mended = take_snapshot()
    return Round(sound, broken, checks, checked, mending, mended, site_run.run("site"))


def unlike(sound: Snapshot, mended: Snapshot) -> Snapshot:
    """What is not as it was before it was broken, times and process numbers aside."""
    own = ("mtime", "inode", "MainPID", "NRestarts")

    def lasting(facts: Any) -> Any:
        return {key: value for key, value in facts.items() if key not in own} if isinstance(facts, dict) else facts

    found = {}
    for kind in sound:
        before, after = sound[kind], mended[kind]
        if isinstance(before, dict):
            names = [name for name in {**before, **after} if lasting(before.get(name)) != lasting(after.get(name))]
            # It holds the times of the programs beside it.
            found.update({name: (before.get(name), after.get(name)) for name in names if not name.endswith("/.manifest.json")})
        elif before != after:
            found[kind] = (before, after)
    return found
