# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers replace authorities of their own: whom it concerns, what is refused or asked before anything is done, and in which rounds it is done.

SPIRE keeps two authorities of a kind on each server. One signs; beside it there is the next one, prepared, or the old one. It taints and
revokes the old one alone.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.times import from_epoch, moment
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory import nested
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan

#: by server, what the module authority says of it with state=shown
Shown = Mapping[str, Mapping[str, Any]]


class AuthorityError(ValueError):
    """What is asked for can't be done, or is not clear; the message is for a person."""


@dataclasses.dataclass(frozen=True)
class Asked:
    """What the operator wants."""

    #: "x509" or "jwt"
    authority: str
    #: whether the old ones are tainted and revoked
    revoke: bool = False
    #: where that begins on servers with an old one: "", "prepare" or "taint"
    start: str = ""
    #: the inventory group of the servers; empty for all
    group: str = ""


@dataclasses.dataclass(frozen=True)
class Scope:
    """Whom the authorities of one group of servers concern."""

    group: str
    #: those of the group
    servers: list[str]
    #: and every one whose bundle has the group's authorities
    tiers: list[str]

    def has_agent(self, host: str, fleet: Fleet) -> bool:
        """Whether an agent has its bundle from one of the servers."""
        return not set(self.tiers).isdisjoint(fleet.servers_of(host))


@dataclasses.dataclass(frozen=True)
class Round:
    """Some servers of a group replace what they sign with, and some take the trust from an old one."""

    group: str
    #: servers that prepare one and sign with it
    replace: list[str]
    #: by server, the ID of what is then tainted and revoked
    revoke: dict[str, str]
    #: servers below the group, whose CAs lead to its
    below: list[str]


def scope(fleet: Fleet, group: str, authority: str) -> Scope:
    """The servers of a group, with those below; of a JWT key, with all tiers: a nested server publishes its own to those above."""
    servers = [server for server in fleet.servers if fleet.group_of_server(server) == group]
    above = {server: set(nested.parent_servers(server, fleet)) for server in nested.servers(fleet)}
    found, grown = set(servers), True
    while grown:
        more = {server for server, those in above.items() if those & found}
        if authority == "jwt":
            more |= {one for server in found for one in above.get(server, ())}
        grown = not more <= found
        found |= more
    return Scope(group, servers, [server for server in fleet.servers if server in found])


def scopes(fleet: Fleet, asked: Asked) -> list[Scope]:
    """Of each group that is rotated, those nearer to the top first. AuthorityError for a group that is none, and for a start of nothing."""
    if asked.start and not asked.revoke:
        raise AuthorityError(
            f"spire_rotate_from is {asked.start}, which says where taking the trust from authorities begins, and spire_rotate_revoke is not set, so it "
            "is taken from none. Add -e spire_rotate_revoke=true, or leave spire_rotate_from out."
        )
    depths: dict[str, int] = {}
    for server in fleet.servers:
        group = fleet.group_of_server(server)
        depths[group] = max(depths.get(group, 0), len(nested.line(server, fleet)))
    groups = sorted(depths, key=lambda group: (depths[group], group))
    if asked.group and asked.group not in groups:
        raise AuthorityError(f"spire_rotate_group is {asked.group}, and no servers are of that group. There are: {', '.join(groups)}.")
    return [scope(fleet, group, asked.authority) for group in groups if asked.group in ("", group)]


def members(fleet: Fleet, found: Iterable[Scope]) -> tuple[list[str], list[str]]:
    """All servers and all hosts that take part, each in the inventory's order."""
    found = list(found)
    servers = [server for server in fleet.servers if any(server in one.tiers for one in found)]
    agents = [agent for agent in fleet.agents if any(one.has_agent(agent, fleet) for one in found)]
    return servers, list(dict.fromkeys([*servers, *agents]))


def rounds(fleet: Fleet, asked: Asked, found: Sequence[Scope], shown: Shown) -> list[Round]:
    """What is done, in this order. AuthorityError for what SPIRE refuses, and for what only the operator knows."""
    if not asked.revoke:
        return [Round(one.group, one.servers, {}, _below(one)) for one in found]
    _refuse_x509(fleet, asked, found, shown)
    _refuse_jwt(fleet, asked, found, shown)
    _ask(asked, [server for one in found for server in one.servers], shown)
    return [made for one in found for made in _revoking(asked, one, shown)]


def _below(one: Scope) -> list[str]:
    return [server for server in one.tiers if server not in one.servers]


def _revoking(asked: Asked, one: Scope, shown: Shown) -> list[Round]:
    """The second round is for what has been there before as well: one that was prepared, and with prepare one that replaced the old one."""
    kept = {server: str(shown[server]["old"]["id"]) for server in one.servers if _has_old(shown[server])}
    first = {server: kept.get(server) or str(shown[server]["active"]["id"]) for server in one.servers}
    second = {
        server: str((shown[server].get("prepared") or shown[server]["active"])["id"]) for server in one.servers
        if shown[server].get("prepared") or (server in kept and asked.start == "prepare")
    }
    below = _below(one)
    made = [Round(one.group, [server for server in one.servers if server not in kept], first, below)]
    return [*made, Round(one.group, list(second), second, below)] if second else made


def _has_old(said: Mapping[str, Any]) -> bool:
    return bool((said.get("old") or {}).get("in_bundle"))


def _refuse_x509(fleet: Fleet, asked: Asked, found: Sequence[Scope], shown: Shown) -> None:
    signed = [server for one in found for server in one.servers if shown[server].get("active", {}).get("upstream_id")]
    if asked.authority != "x509" or not signed:
        return
    free = [one.group for one in found if not set(signed) & set(one.servers)]
    ways = []
    if any(plan("server", server, fleet).upstream for server in signed):
        ways.append("For a new root, run spire.fleet.rotate_upstream.")
    elsewhere = {server: _foreign(server, fleet) for server in signed}
    for name in dict.fromkeys(filter(None, elsewhere.values())):
        ways.append(f"The root of {', '.join(server for server in signed if elsewhere[server] == name)} is replaced where {name} has it from.")
    if free:
        ways.append(f"-e spire_rotate_group={free[0]} takes the trust from the CAs of {free[0]}, and from all that they signed.")
    raise AuthorityError(" ".join([
        f"An upstream authority signs the CA of {', '.join(signed)}, and SPIRE neither taints nor revokes such a CA: the bundle has the root above "
        "alone. Nothing was replaced. Without spire_rotate_revoke such a CA is replaced.", *ways,
    ]))


def _foreign(server: str, fleet: Fleet) -> str:
    """The plugin that has a CA signed by something that is not of this inventory; empty for our roots, and below other servers of ours."""
    planned = plan("server", server, fleet)
    return "" if planned.upstream or fleet.upstream_group(server) else next(iter(planned.upstream_authority[1]), "")


def _refuse_jwt(fleet: Fleet, asked: Asked, found: Sequence[Scope], shown: Shown) -> None:
    tiered = [
        server for one in found for server in one.servers
        if len(one.tiers) > len(one.servers) or plan("server", server, fleet).plugin_data("UpstreamAuthority", nested.PLUGIN)
    ]
    if asked.authority != "jwt" or not tiered:
        return
    keys = [
        f"{server} {name} {one['id']} until {moment(from_epoch(one['expires_at']))}" for server in tiered for name, one in _keys(shown[server])
    ]
    raise AuthorityError(
        f"{', '.join(tiered)}: nested servers and those above them have each other's JWT keys in their bundles, and SPIRE revokes a key in the "
        "database of the server that signed with it alone. The other tiers would trust it until it expires, and nothing takes it from them "
        f"before: {'; '.join(keys)}. Nothing was replaced. Without spire_rotate_revoke the keys are replaced."
    )


def _keys(said: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    found = [("signs with", said["active"])]
    return [*found, ("has the old", said["old"])] if _has_old(said) else found


def _ask(asked: Asked, servers: Sequence[str], shown: Shown) -> None:
    """Whether the old one is meant, or the one that signs, where a server has an old one."""
    old = [server for server in servers if _has_old(shown[server])]
    if asked.start or not old:
        return
    others = [server for server in servers if server not in old]
    texts = [f"{server} ({shown[server]['old']['id']}; it signs with {shown[server]['active']['id']})" for server in old]
    rest = ", ".join(f"{server} (it signs with {shown[server]['active']['id']})" for server in others)
    raise AuthorityError(
        f"An old {asked.authority} authority is trusted still, replaced before by the server itself or by a run that did not come to its end, on "
        f"{', '.join(texts)}. {'There is none on ' if rest else ''}{rest}{'. ' if rest else ''}"
        "-e spire_rotate_from=taint takes the trust from the old ones, and these servers go on with what they sign with"
        f"{'; the others replace theirs, and the trust is taken from that' if rest else ''}. "
        "-e spire_rotate_from=prepare takes the trust from the old ones and from those that sign now, which every server replaces. "
        "If you do not know which is in wrong hands, take prepare."
    )


def tell(asked: Asked, made: Iterable[Round]) -> list[str]:
    """What the rounds do, in words."""
    found = []
    for one in made:
        if one.replace:
            found.append(f"{one.group}: {', '.join(one.replace)} to sign with another {asked.authority} authority")
        if one.revoke:
            olds = ", ".join(f"{name} of {server}" for server, name in one.revoke.items())
            found.append(f"{one.group}: nobody to trust {olds}")
    return found


def untracked_authorities(asked: Asked, found: Iterable[Scope], shown: Shown, now: datetime.datetime) -> list[str]:
    """Warnings of what stays trusted by the servers of a group, since none of them can take the trust from it."""
    texts = []
    for one in found:
        held = {shown[server][name]["id"] for server in one.tiers for name in ("active", "prepared", "old") if shown[server].get(name)}
        others = {
            other["id"]: other for server in one.servers for other in shown[server].get("trusted") or ()
            if other["id"] not in held and other["expires_at"] > now.timestamp()
        }
        if others:
            names = ", ".join(f"{name} until {moment(from_epoch(other['expires_at']))}" for name, other in others.items())
            texts.append(
                f"{one.group}: other {asked.authority} authorities are in the bundle, and stay trusted: {names}. SPIRE takes the trust from nothing "
                "but what a server signed with last. It is as it should be where a server that is not in this inventory signs with one."
            )
    return texts


def signed_by(retired: Iterable[str], shown: Iterable[Mapping[str, Any]]) -> list[str]:
    """These authorities, and all that they signed, directly or not."""
    found = list(dict.fromkeys(retired))
    known = [one for said in shown for name in ("active", "prepared", "old") if (one := said.get(name))]
    for _tier in known:
        found += [one["id"] for one in known if one.get("upstream_id") in found and one["id"] not in found]
    return found
