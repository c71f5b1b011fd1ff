# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What servers and agents on one machine take from each other: ports, sockets, directories, names.

Several inventory hosts with one ansible_host are one machine, and so is a host that is a server and an agent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem, for_host
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet, machine_of
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.host import external_plugins as external_plugin_rules
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.support import at, machine
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import fleet_rule

_EVERY = frozenset({"0.0.0.0", "::", "[::]", ""})
_SAME = {"localhost": "127.0.0.1"}


@dataclass(frozen=True)
class Claim:
    """Something that one process alone can have."""

    kind: str
    what: str
    path: str
    #: of a port: the address that it is opened at
    address: str = ""
    #: of a file that several may use if it is the same for all: the architecture that it is for, empty for any, and its checksum
    arch: str = ""
    sha256: str = ""


def shared(fleet: Fleet) -> set[str]:
    """Machines of more than one server or agent, by which nobody else need be asked."""
    count: dict[str, int] = {}
    for component in ("server", "agent"):
        for host in fleet.hosts(component):
            # whose values will be asked for anyway
            name = machine_of(fleet.values_of(host).raw, host)
            count[name] = count.get(name, 0) + 1
    return {name for name, number in count.items() if number > 1}


class Machines:
    """Notes what each server and agent on a shared machine claims, and tells who claims what another one has."""

    def __init__(self, fleet: Fleet) -> None:
        self.shared = shared(fleet)
        self.claims: dict[str, list[tuple[Plan, list[Claim]]]] = {}

    def note(self, planned: Plan) -> None:
        """A plan, if its machine is shared."""
        name = machine(planned)
        if name in self.shared:
            self.claims.setdefault(name, []).append((planned, [*_claims(planned), *_placed(planned)]))

    def check(self) -> Iterator[Problem]:
        """Every collision, once for each pair."""
        for members in self.claims.values():
            for index, (planned, claims) in enumerate(members):
                for other, theirs in members[:index]:
                    for problem in _collisions(planned, claims, other, theirs):
                        yield from for_host([problem], planned.host)


@fleet_rule("server")
def _collisions(planned: Plan, claims: list[Claim], other: Plan, theirs: list[Claim]) -> Iterable[Problem]:
    """Servers and agents on one machine differ in their instances, ports, sockets and directories, and not in the plugins that they share.

    Source: docs/hosts.md (several instances on one machine)
    """
    who = f"the {other.component} {other.host}" if other.host != planned.host else f"the {other.component} of this host"
    if planned.component == other.component and planned.paths.config == other.paths.config:
        name = f"spire_{planned.component}_instance"
        message = (
            f'It is "{planned.values[name]}" here, and for {who} on the same machine too: they would be one service. Give each '
            "instance a name of its own."
        )
        yield Problem("same_instance", name, message, name)
        return
    for claim in claims:
        taken = next((their for their in theirs if _collide(claim, their)), None)
        if taken:
            yield at(planned, f"same_{claim.kind}", claim.path, _WORDS[claim.kind].format(what=claim.what, who=who, path=taken.path))


_WORDS = {
    "port": "Port {what} is taken on this machine: {who} opens it ({path}). Choose another one.",
    "socket": "{what} is the socket of {who} on the same machine too ({path}). Choose another path.",
    "directory": "{what} is the directory of {who} on the same machine too ({path}). Each needs its own.",
    "plugin": "{what} is another file for {who} on the same machine ({path}). Give one of them another version in spire_plugins, or an "
              "entry of another name.",
    "file": "{what} is the file of {who} on the same machine too ({path}). Each needs its own.",
}


def _collide(one: Claim, other: Claim) -> bool:
    if one.kind != other.kind or one.what != other.what:
        return False
    if one.kind == "plugin":
        return one.sha256 != other.sha256 and (one.arch == other.arch or not one.arch or not other.arch)
    if one.kind != "port":
        return True
    first, second = (_SAME.get(claim.address, claim.address) for claim in (one, other))
    return first == second or first in _EVERY or second in _EVERY


def _claims(planned: Plan) -> Iterator[Claim]:
    for one in planned.listeners:
        yield Claim("port", str(one.port), one.path, one.address)
    for path, (_directory, given) in planned.write_paths.items():
        kind = "socket" if path.endswith(("socket_path", "uds_path")) else "directory" if path.endswith((".data_dir", ".directory")) else "file"
        yield Claim(kind, given.rstrip("/"), path)


def _placed(planned: Plan) -> Iterator[Claim]:
    """The external plugins that are brought to the host. Of one plan they can't collide."""
    for arch, commands in external_plugin_rules.by_architecture(planned):
        for command in commands:
            if command.root:
                yield Claim("plugin", command.path, f"{command.where}.plugin_cmd", arch=arch, sha256=command.sha256)


def within(planned: Plan) -> Iterator[Problem]:
    """What one server or agent claims twice."""
    claims = list(_claims(planned))
    for index, claim in enumerate(claims):
        # an agent keeps its keys in its data directory
        taken = next((other for other in claims[:index] if claim.kind != "directory" and _collide(claim, other)), None)
        if taken:
            what = "Port " + claim.what if claim.kind == "port" else claim.what
            yield at(planned, f"same_{claim.kind}", claim.path, f"{what} is {taken.path} of this {planned.component} too. Choose another one.")
