# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about servers and agents on one machine, which can't use the same port, socket, directory or name.

Several inventory hosts with one ansible_host are one machine, and so are a host that is a server and an agent, and all hosts with
ansible_connection local.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.inventory import connection
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.host.external_plugins import by_architecture
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.support import machine

_EVERY = frozenset({"0.0.0.0", "::", "[::]", ""})
_SAME = {"localhost": "127.0.0.1"}


@dataclass(frozen=True)
class Claim:
    """Something that only one process can use."""

    kind: str
    what: str
    path: str
    #: of a port: the address that it is opened at
    address: str = ""
    #: of a file that several may use if it is the same for all: the architecture that it is for, empty for any, and its checksum
    arch: str = ""
    sha256: str = ""


def shared(fleet: Fleet) -> set[str]:
    """Returns the machines with more than one server or agent; only these need a comparison."""
    count: dict[str, int] = {}
    for component in ("server", "agent"):
        for host in fleet.hosts(component):
            # the values are needed for the plan anyway
            name = connection.machine(fleet.values_of(host).raw, host)
            count[name] = count.get(name, 0) + 1
    return {name for name, number in count.items() if number > 1}


@rule(
    "fleet", "server:spire_server_instance", "agent:spire_agent_instance", source="docs/hosts.md (several instances on one machine)",
)
def shared_machine(context: RuleContext) -> Findings:
    """Servers and agents on one machine have different instances, ports, sockets, directories and files, and the same versions of shared plugins."""
    planned: Plan = context.plan
    members: list[tuple[Plan, list[Claim]]] | None = _on_the_machine(context, "machines")
    if members is None:
        return
    claims = [*_claims(planned), *_placed(planned)]
    for other, theirs in members:
        yield from _collisions(planned, claims, other, theirs)
    members.append((planned, claims))


def _on_the_machine(context: RuleContext, key: str) -> list[Any] | None:
    """Returns the list in which a rule collects what it knows of the plans of one machine; None where the machine has only this plan, or
    where this plan alone is checked."""
    if not context.whole:
        return None
    memory = context.memory
    if "shared_machines" not in memory:
        memory["shared_machines"] = shared(context.fleet)
    name = machine(context.plan)
    found: list[Any] = memory.setdefault(key, {}).setdefault(name, [])
    return found if name in memory["shared_machines"] else None


def _who(other: Plan, planned: Plan) -> str:
    """Returns how a message names another server or agent on the machine of this one."""
    return f"the {other.component} {other.host}" if other.host != planned.host else f"the {other.component} of this host"


def _collisions(planned: Plan, claims: list[Claim], other: Plan, theirs: list[Claim]) -> Findings:
    who = _who(other, planned)
    if planned.component == other.component and planned.paths.config == other.paths.config:
        name = f"spire_{planned.component}_instance"
        yield Finding(name, (
            f'It is "{planned.values[name]}" here, but {who} on the same machine has the same name, so both would be one service. Give each '
            "instance a name of its own."
        ))
        return
    for claim in claims:
        taken = next((their for their in theirs if _collide(claim, their)), None)
        if taken:
            yield Finding(claim.path, _MESSAGES[claim.kind].format(what=claim.what, who=who, path=taken.path))


_MESSAGES = {
    "port": "Port {what} is in use on this machine: {who} listens on it ({path}). Choose another port.",
    "socket": "{what} is also the socket of {who} on the same machine ({path}). Choose another path.",
    "directory": "{what} is also a directory of {who} on the same machine ({path}). Choose another directory.",
    "plugin": "{what} must be a different file for {who} on the same machine ({path}). Give one of them another version in spire_plugins, or "
              "an item with another name.",
    "file": "{what} is also a file of {who} on the same machine ({path}). Choose another file.",
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
    """Yields the ports, sockets, directories and files of a plan."""
    for one in planned.listeners:
        yield Claim("port", str(one.port), one.path, one.address)
    for path, (_directory, given) in planned.write_paths.items():
        kind = "socket" if path.endswith(("socket_path", "uds_path")) else "directory" if path.endswith((".data_dir", ".directory")) else "file"
        yield Claim(kind, given.rstrip("/"), path)


def _placed(planned: Plan) -> Iterator[Claim]:
    """Yields the external plugins that are installed on the host. Those of one plan can't collide."""
    for arch, commands in by_architecture(planned):
        for command in commands:
            if command.root:
                yield Claim("plugin", command.path, f"{command.where}.plugin_cmd", arch=arch, sha256=command.sha256)


@rule("fleet", "server", "agent", source="docs/hosts.md (several instances on one machine)")
def directory_of_two_users(context: RuleContext) -> Findings:
    """Servers and agents on one machine that run as different users have no directory in common that one of them owns."""
    planned: Plan = context.plan
    owners: list[tuple[Plan, str, str]] | None = _on_the_machine(context, "owned_directories")
    if owners is None:
        return
    for path, directory in _owned(planned):
        for other, their_path, their_directory in owners:
            if other.user != planned.user and _shares(directory, their_directory):
                yield Finding(path, (
                    f"It makes {directory} a directory of {planned.user}'s own, and {_who(other, planned)} on the same machine has {their_directory} for "
                    f"{other.user} ({their_path}), so each run would take it away from the other. Give each a directory of its own, for example "
                    f"{directory}/{planned.component}."
                ))
                break
    owners += [(planned, path, directory) for path, directory in _owned(planned)]


def _owned(planned: Plan) -> Iterator[tuple[str, str]]:
    """Yields the directories that belong to the service's user, each once, by the option that names them."""
    found: dict[str, str] = {}
    for path, (directory, _given) in planned.write_paths.items():
        if directory.startswith("/"):
            found.setdefault(directory, path)
    for directory, path in found.items():
        yield path, directory


def _shares(one: str, other: str) -> bool:
    """Whether two directories are one, or one is inside of the other, which only its own user may go through."""
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


@rule("fleet", "server", "agent", source="docs/hosts.md (several instances on one machine)")
def port_or_path_used_twice(context: RuleContext) -> Findings:
    """A server or agent uses each port, socket and file for one purpose only."""
    planned: Plan = context.plan
    claims = list(_claims(planned))
    for index, claim in enumerate(claims):
        # an agent keeps its keys in its data directory
        taken = next((other for other in claims[:index] if claim.kind != "directory" and _collide(claim, other)), None)
        if taken:
            what = "port " + claim.what if claim.kind == "port" else claim.what
            yield Finding(claim.path, f"{taken.path} of this {planned.component} already uses {what}. Choose another one.")
