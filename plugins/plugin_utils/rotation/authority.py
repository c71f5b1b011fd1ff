# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotates the servers' own authorities: finds the servers and hosts concerned, refuses impossible requests, and plans the rounds.

SPIRE keeps two authorities of each kind on a server: the active one, which signs, and either the prepared one, which comes next, or the old one.
It taints and revokes only the old one.
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

#: the results of the module local_authority with state=shown, by server
AuthoritiesByServer = Mapping[str, Mapping[str, Any]]


class AuthorityError(ValueError):
    """The request can't be fulfilled or is not clear. The message is for a person."""


@dataclasses.dataclass(frozen=True)
class RotationRequest:
    """The rotation that the operator requests."""

    #: "x509" or "jwt"
    authority: str
    #: whether the old authorities are tainted and revoked
    revoke: bool = False
    #: how the rotation starts on servers that have an old authority: "prepare", "taint", or "" where the operator has not decided
    start: str = ""
    #: the inventory group of the servers; empty for all
    group: str = ""


@dataclasses.dataclass(frozen=True)
class Scope:
    """The servers that the rotation of one group's authorities concerns."""

    group: str
    #: the servers of the group
    servers: list[str]
    #: all servers whose bundles have the group's authorities
    trusting_servers: list[str]

    def has_agent(self, host: str, fleet: Fleet) -> bool:
        """Whether an agent gets its bundle from one of these servers."""
        return not set(self.trusting_servers).isdisjoint(fleet.servers_of(host))


@dataclasses.dataclass(frozen=True)
class Round:
    """A step of the rotation of one group: some servers replace their authorities, and old authorities are revoked."""

    group: str
    #: servers that prepare an authority and sign with it
    replace: list[str]
    #: the IDs of the authorities that are then tainted and revoked, by server
    revoke: dict[str, str]
    #: servers below the group, whose CAs lead to the group's
    servers_below: list[str]


def scope(fleet: Fleet, group: str, authority: str) -> Scope:
    """Returns the servers of a group and those below them. For JWT keys it has all tiers, as nested servers publish theirs to their parents."""
    servers = [server for server in fleet.servers if fleet.group_of_server(server) == group]
    parents = {server: set(nested.parent_servers(server, fleet)) for server in nested.servers(fleet)}
    found, grown = set(servers), True
    while grown:
        more = {server for server, those in parents.items() if those & found}
        if authority == "jwt":
            more |= {one for server in found for one in parents.get(server, ())}
        grown = not more <= found
        found |= more
    return Scope(group, servers, [server for server in fleet.servers if server in found])


def scopes(fleet: Fleet, request: RotationRequest) -> list[Scope]:
    """Returns the scopes of the groups to rotate, those nearer to the top first.

    Raises AuthorityError for a group without servers, and where a start is given although nothing is to be revoked.
    """
    if request.start and not request.revoke:
        raise AuthorityError(
            f"spire_rotate_from is {request.start}, which tells what to revoke first, and spire_rotate_revoke is not set, so nothing is "
            "revoked. Add -e spire_rotate_revoke=true, or leave spire_rotate_from out."
        )
    depths: dict[str, int] = {}
    for server in fleet.servers:
        group = fleet.group_of_server(server)
        depths[group] = max(depths.get(group, 0), len(nested.group_path(server, fleet)))
    groups = sorted(depths, key=lambda group: (depths[group], group))
    if request.group and request.group not in groups:
        raise AuthorityError(f"spire_rotate_group is {request.group}, and no server is in that group. The groups are: {', '.join(groups)}.")
    return [scope(fleet, group, request.authority) for group in groups if request.group in ("", group)]


def members(fleet: Fleet, found: Iterable[Scope]) -> tuple[list[str], list[str]]:
    """Returns all servers and all hosts that take part, each in the inventory's order."""
    found = list(found)
    servers = [server for server in fleet.servers if any(server in one.trusting_servers for one in found)]
    agents = [agent for agent in fleet.agents if any(one.has_agent(agent, fleet) for one in found)]
    return servers, list(dict.fromkeys([*servers, *agents]))


def rounds(fleet: Fleet, request: RotationRequest, found: Sequence[Scope], authorities: AuthoritiesByServer) -> list[Round]:
    """Returns the rounds in their order. Raises AuthorityError for what SPIRE refuses, and where the operator must decide."""
    if not request.revoke:
        return [Round(one.group, one.servers, {}, _servers_below(one)) for one in found]
    _refuse_x509(fleet, request, found, authorities)
    _refuse_jwt(fleet, request, found, authorities)
    _require_start(request, [server for one in found for server in one.servers], authorities)
    return [made for one in found for made in _revocation_rounds(request, one, authorities)]


def _servers_below(one: Scope) -> list[str]:
    return [server for server in one.trusting_servers if server not in one.servers]


def _revocation_rounds(request: RotationRequest, one: Scope, authorities: AuthoritiesByServer) -> list[Round]:
    """Returns the rounds of one group. The second one revokes authorities that existed before and can't be revoked in the first:
    a prepared one and, if the request starts with prepare, the active one of a server that has an old one.
    """
    old_ids = {server: str(authorities[server]["old"]["id"]) for server in one.servers if _has_old(authorities[server])}
    first = {server: old_ids.get(server) or str(authorities[server]["active"]["id"]) for server in one.servers}
    second = {
        server: str((authorities[server].get("prepared") or authorities[server]["active"])["id"]) for server in one.servers
        if authorities[server].get("prepared") or (server in old_ids and request.start == "prepare")
    }
    servers_below = _servers_below(one)
    made = [Round(one.group, [server for server in one.servers if server not in old_ids], first, servers_below)]
    return [*made, Round(one.group, list(second), second, servers_below)] if second else made


def _has_old(authorities: Mapping[str, Any]) -> bool:
    return bool((authorities.get("old") or {}).get("in_bundle"))


def _refuse_x509(fleet: Fleet, request: RotationRequest, found: Sequence[Scope], authorities: AuthoritiesByServer) -> None:
    signed = [server for one in found for server in one.servers if authorities[server].get("active", {}).get("upstream_id")]
    if request.authority != "x509" or not signed:
        return
    free = [one.group for one in found if not set(signed) & set(one.servers)]
    alternatives = []
    if any(plan("server", server, fleet).upstream for server in signed):
        alternatives.append("For a new root, run spire.fleet.rotate_upstream.")
    elsewhere = {server: _external_plugin(server, fleet) for server in signed}
    for name in dict.fromkeys(filter(None, elsewhere.values())):
        servers = ", ".join(server for server in signed if elsewhere[server] == name)
        alternatives.append(f"The root of {servers} is replaced where {name} gets it from.")
    if free:
        alternatives.append(f"-e spire_rotate_group={free[0]} revokes the CAs of {free[0]}, and with them all that they signed.")
    raise AuthorityError(" ".join([
        f"An upstream authority signs the CA of {', '.join(signed)}, and SPIRE neither taints nor revokes such a CA: its bundle has only "
        "the root above. Nothing was replaced. Without spire_rotate_revoke, such a CA is replaced.", *alternatives,
    ]))


def _external_plugin(server: str, fleet: Fleet) -> str:
    """Returns the plugin by which something outside of the inventory signs the server's CA; empty where the CA is below the collection's root
    or below other servers of the inventory.
    """
    planned = plan("server", server, fleet)
    return "" if planned.upstream or fleet.upstream_group(server) else next(iter(planned.upstream_authority[1]), "")


def _refuse_jwt(fleet: Fleet, request: RotationRequest, found: Sequence[Scope], authorities: AuthoritiesByServer) -> None:
    tiered = [
        server for one in found for server in one.servers
        if len(one.trusting_servers) > len(one.servers) or plan("server", server, fleet).plugin_data("UpstreamAuthority", nested.PLUGIN)
    ]
    if request.authority != "jwt" or not tiered:
        return
    keys = [f"{server} {name} {one['id']} until {_expiry_text(one)}" for server in tiered for name, one in _jwt_keys(authorities[server])]
    raise AuthorityError(
        f"{', '.join(tiered)}: nested servers and those above them have each other's JWT keys in their bundles, and SPIRE revokes a key "
        f"only in the database of the server that signed with it. The other tiers would trust it until it expires: {'; '.join(keys)}. "
        "Nothing was replaced. Without spire_rotate_revoke the keys are replaced."
    )


def _jwt_keys(authorities: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    found = [("signs with", authorities["active"])]
    return [*found, ("has the old", authorities["old"])] if _has_old(authorities) else found


def _expiry_text(one: Mapping[str, Any]) -> str:
    return moment(from_epoch(one["expires_at"]))


def _require_start(request: RotationRequest, servers: Sequence[str], authorities: AuthoritiesByServer) -> None:
    """Raises AuthorityError where a server has an old authority and the request does not tell which one to revoke first."""
    old = [server for server in servers if _has_old(authorities[server])]
    if request.start or not old:
        return
    others = [server for server in servers if server not in old]
    texts = [f"{server} ({authorities[server]['old']['id']}; it signs with {authorities[server]['active']['id']})" for server in old]
    rest = ", ".join(f"{server} (it signs with {authorities[server]['active']['id']})" for server in others)
    raise AuthorityError(
        f"An old {request.authority} authority is still trusted, which the server itself or an unfinished run replaced, on "
        f"{', '.join(texts)}. {'There is none on ' if rest else ''}{rest}{'. ' if rest else ''}"
        "-e spire_rotate_from=taint revokes the old ones, and these servers go on signing with their active ones"
        f"{'; the others replace their active ones, which are revoked' if rest else ''}. "
        "-e spire_rotate_from=prepare revokes the old ones, and then the active ones, which every server replaces. "
        "If you do not know which one is compromised, choose prepare."
    )


def describe_rounds(request: RotationRequest, made: Iterable[Round]) -> list[str]:
    """Returns what the rounds do, for messages."""
    found = []
    for one in made:
        if one.replace:
            found.append(f"{one.group}: {', '.join(one.replace)} will sign with a new {request.authority} authority")
        if one.revoke:
            olds = ", ".join(f"{name} of {server}" for server, name in one.revoke.items())
            found.append(f"{one.group}: will revoke {olds}")
    return found


def untracked_authorities(
    request: RotationRequest, found: Iterable[Scope], authorities: AuthoritiesByServer, now: datetime.datetime
) -> list[str]:
    """Returns a warning for each authority in the bundle that no server of the group can revoke."""
    texts = []
    for one in found:
        held = {
            authorities[server][name]["id"] for server in one.trusting_servers for name in ("active", "prepared", "old")
            if authorities[server].get(name)
        }
        others = {
            other["id"]: other for server in one.servers for other in authorities[server].get("trusted") or ()
            if other["id"] not in held and other["expires_at"] > now.timestamp()
        }
        if others:
            names = ", ".join(f"{name} until {_expiry_text(other)}" for name, other in others.items())
            texts.append(
                f"{one.group}: other {request.authority} authorities are in the bundle and stay trusted: {names}. SPIRE revokes only the "
                "authority that a server signed with last. This is right if a server that is not in this inventory signs with one of "
                "them."
            )
    return texts


def including_descendants(retired: Iterable[str], authorities: Iterable[Mapping[str, Any]]) -> list[str]:
    """Returns these authorities and all that they signed, directly or not."""
    found = list(dict.fromkeys(retired))
    known = [one for server in authorities for name in ("active", "prepared", "old") if (one := server.get(name))]
    for _tier in known:
        found += [one["id"] for one in known if one.get("upstream_id") in found and one["id"] not in found]
    return found
