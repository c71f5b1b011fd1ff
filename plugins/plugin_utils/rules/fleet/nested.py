# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold between a nested server and those above it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.entries import desired as desired_entries
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory import nested
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet, SERVERS
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.nested import PLUGIN, VARIABLE
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import plugin_options as pki_options
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.nested_layer import option_path
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.support import at, meant, step, unknown_release
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import fleet_rule
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.svid import absolute


def of_server(planned: Plan, fleet: Fleet) -> Iterable[Problem]:
    """What a server has against those above and below it."""
    group = fleet.upstream_group(planned.host)
    yield from _path_length(planned, fleet)
    if not group:
        yield from _by_hand(planned, fleet)
        return
    found = list(_there(planned, group, fleet))
    yield from found
    if found:
        return
    above = [plan("server", name, fleet) for name in nested.parent_servers(planned.host, fleet)]
    yield from _one_authority(planned, group)
    yield from _beside(planned, group, above[0], fleet)
    yield from _only_svid(planned, above[0], fleet)
    yield from _parent(planned, above[0])
    yield from _near(planned, group, above)


def _problem(code: str, message: str) -> Problem:
    return Problem(code, VARIABLE, message, VARIABLE)


@fleet_rule("server")
def _there(planned: Plan, group: str, fleet: Fleet) -> Iterable[Problem]:
    """The group above a nested server is there, holds servers alone, and is not, by way of others, the server's own.

    Source: docs/nested.md
    """
    members = fleet.groups.get(group, ())
    stray = next((name for name in members if name not in fleet.server_names), "")
    if not members:
        found = f"{group} has no hosts" if group in fleet.groups else f"No group is called {group}{meant(group, fleet)}"
        yield _problem("no_upstream", (
            f"{found}, so there is nobody to sign this server's CA. Name the inventory group of the servers above it, or, where they "
            f"are not in this inventory, leave the variable out and name them in plugins.UpstreamAuthority.{PLUGIN}."
        ))
    elif stray:
        yield _problem("upstream_no_server", f"{stray} of {group} is not in {SERVERS}. Name a group of servers alone.")
    elif nested.is_circular(planned.host, fleet):
        line = nested.group_path(planned.host, fleet)
        words = " is below ".join(line)
        yield _problem("upstream_circle", f"{words}, so that nobody is at the top. Leave the variable out for the servers at the top.")


@fleet_rule("server")
def _one_authority(planned: Plan, group: str) -> Iterable[Problem]:
    """A nested server names no other upstream authority, and asks the servers above it.

    Source: pkg/server/catalog/catalog.go (at most one UpstreamAuthority), v1.15.3
    """
    for kind in pki_options.AUTHORITY_KINDS:
        for name in planned.plugins(kind):
            if name != PLUGIN:
                yield at(planned, "upstream_other", f"plugins.{kind}.{name}", (
                    f"The CA of this server is signed by the servers of {group} ({VARIABLE}), and the tree names {name}. Take one of "
                    "the two out."
                ))


@fleet_rule("server")
def _beside(planned: Plan, group: str, above: Plan, fleet: Fleet) -> Iterable[Problem]:
    """On the machine of a nested server is an agent of the servers above it, which tells workloads by their user.

    Source: doc/scaling_spire.md (nested SPIRE), doc/plugin_server_upstreamauthority_spire.md, v1.15.3
    """
    option = option_path(planned.version, "workload_api_socket")
    if planned.merged.origin(option) != VARIABLE:
        return  # an agent of somebody else's, perhaps
    if not planned.parent_agents:
        yield _problem("no_agent_beside", (
            f"The server has its identity from an agent of {group} on its own machine, and no such agent is there. Put "
            f"{planned.host} into spire_agents, or another host with its ansible_host and spire_server_group: {group}."
        ))
    for agent in planned.parent_agents:
        if "unix" not in agent.plugins("WorkloadAttestor"):
            yield _problem("agent_beside_unix", (
                f"The agent {agent.host}, from which this server has its identity, does not attest workloads by their user. Add "
                "plugins.WorkloadAttestor.unix to it."
            ))


@fleet_rule("server")
def _only_svid(planned: Plan, above: Plan, fleet: Fleet) -> Iterable[Problem]:
    """No other entry gives a nested server's process an SVID: SPIRE asks for the CA with the first that it gets.

    Source: pkg/server/plugin/upstreamauthority/spire (serverClient.start), v1.15.3
    """
    beside = {agent.host for agent in planned.parent_agents}
    own = {f"unix:user:{planned.user}", f"unix:group:{planned.user}"}
    if planned.user == "root":
        own |= {"unix:uid:0", "unix:gid:0"}
    aliases = absolute(desired_entries.ALIAS_PREFIX, above.trust_domain)
    for path, entry in desired_entries.sound(above):
        group = str(entry["parent_id"]).removeprefix(aliases)
        if beside.intersection(fleet.groups.get(group, ())) and own.issuperset(map(_selector, entry["selectors"])):
            yield _problem("nested_other_svid", (
                f"{path} of {above.host} gives each process of the user {planned.user} on this machine the SVID {entry['spiffe_id']}, and "
                "SPIRE asks for this server's CA with the first SVID that it gets. Let spire_server_user be a user of the server's "
                "own, or choose other selectors there."
            ))


def _selector(given: Any) -> str:
    return f"{given['type']}:{given['value']}" if isinstance(given, Mapping) else str(given)


@fleet_rule("server")
def _parent(planned: Plan, parent: Plan) -> Iterable[Problem]:
    """A nested server is of its parent's trust domain, and asks it at a port where it listens.

    Source: doc/plugin_server_upstreamauthority_spire.md, v1.15.3; the newer guide to configuring SPIRE
    """
    kind, _plugins = planned.upstream_authority
    data = planned.plugin_data(kind, PLUGIN)
    if not data:
        return
    path = f"plugins.{kind}.{PLUGIN}.plugin_data"
    if parent.trust_domain and planned.trust_domain and parent.trust_domain != planned.trust_domain:
        yield at(planned, "parent_trust_domain", f"{path}.server_address", (
            f"The server {parent.host} is of {parent.trust_domain}, and this one of {planned.trust_domain}; nested servers share "
            "one trust domain. To join two, use federation."
        ))
    if str(data.get("server_port")) != str(parent.port) and _means(data, parent):
        message = f"The server {parent.host} listens on port {parent.port}; write that."
        yield at(planned, "parent_port", f"{path}.server_port", message)


def _means(data: dict[str, object], server: Plan) -> bool:
    """Whether an address is this server's."""
    address = str(data.get("server_address") or "")
    return bool(address) and address in (server.host, server.values.raw.get("ansible_host"), server.values["spire_server_address"])


@fleet_rule("server", severity="warning")
def _by_hand(planned: Plan, fleet: Fleet) -> Iterable[Problem]:
    """A nested server whose parent is in the inventory says so by its group, so that order and entry follow.

    Source: docs/nested.md
    """
    kind, _plugins = planned.upstream_authority
    data = planned.plugin_data(kind, PLUGIN)
    named = (plan("server", name, fleet) for name in fleet.servers) if data else ()
    parent = next((server for server in named if _means(data, server)), None)
    if parent is None:
        return
    wrong = list(_parent(planned, parent))
    if wrong:
        yield from wrong
        return
    group = fleet.group_of_server(parent.host)
    yield at(planned, "nested_by_hand", f"plugins.{kind}.{PLUGIN}", (
        f"{parent.host} is in this inventory, and neither the order of the two nor the entry that this server needs there is known. "
        f"Set {VARIABLE} to {group}, and leave the plugin out of the tree: its options follow."
    ), "warning")


@fleet_rule("server")
def _near(planned: Plan, group: str, above: list[Plan]) -> Iterable[Problem]:
    """A nested server and those above it are at most one minor release apart; 0.12 is next to 1.0.

    Source: doc/upgrading.md (SPIRE Server Compatibility), v1.15.3
    """
    if unknown_release((planned, *above)):
        return
    other = max(above, key=lambda server: abs(step(server.version) - step(planned.version)))
    if abs(step(other.version) - step(planned.version)) > 1:
        yield Problem("nested_far", "spire_version", (
            f"This server is {planned.version}, and {other.host} of the group {group} above it is {other.version}; they may be one "
            "minor release apart. Upgrade one minor release at a time."
        ), layer="spire_version")


@fleet_rule("server")
def _path_length(planned: Plan, fleet: Fleet) -> Iterable[Problem]:
    """The intermediate above a server's CA lets the CAs of all tiers below it be signed.

    Source: RFC 5280, 4.2.1.9; docs/pki.md
    """
    if planned.upstream is None:
        return
    group = fleet.group_of_server(planned.host)
    lines = [nested.group_path(server, fleet) for server in nested.servers(fleet) if not nested.is_circular(server, fleet)]
    longest = max((line[:line.index(group)] for line in lines if group in line), key=len, default=[])
    wanted = 1 + len(longest)
    if planned.upstream.path_length < wanted:
        tiers = "1 tier" if len(longest) == 1 else f"{len(longest)} tiers"
        yield Problem("nested_path_length", "spire_pki_path_length", (
            f"It is {planned.upstream.path_length}, and there {'is' if len(longest) == 1 else 'are'} {tiers} of nested servers below "
            f"{group} ({', '.join(reversed(longest))}), whose CAs stand below this server's. Set it to {wanted} or more."
        ), "spire_pki_path_length" if "spire_pki_path_length" in planned.values.raw else "")
