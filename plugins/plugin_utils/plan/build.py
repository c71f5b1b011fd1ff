# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the plan of a host from the inventory's variables, the built-in defaults, and the plans of the servers that the host belongs to."""

from __future__ import annotations

import dataclasses
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.addresses import with_brackets, without_brackets
from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.blocks import OFF, block
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import Layer, layers
from ansible_collections.spire.fleet.plugins.plugin_utils.external_plugins import binaries
from ansible_collections.spire.fleet.plugins.plugin_utils.host.paths import COMPONENTS, Paths
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory import nested
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.reads import Read
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import node as pki_node, plugin_options as pki_options
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.plugin_options import InjectedOptions
from ansible_collections.spire.fleet.plugins.plugin_utils.plan import defaults, delivered, made, tree_check as plan_tree_check
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.releases import versions
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree.agent import ONCE

#: options that name a bootstrap source; an agent with one of them has no built-in trust_bundle_path
BOOTSTRAP_SOURCES = ("trust_bundle_url", "trust_bundle_spiffe_workload_api", "insecure_bootstrap")


def plan(component: str, host: str, fleet: Fleet) -> Plan:
    """Returns the plan of the component on this host. All mistakes in its variables are in the plan's ``problems``."""
    if component == "server" and host in fleet.server_plans:
        found, reads = fleet.server_plans[host]
        # The plan that needs this one depends on everything that was read for it.
        fleet.note(*reads)
        return found  # type: ignore[return-value]
    with fleet.reads() as reads:
        kept = made.find(component, host, fleet)
        found = kept or _make(component, host, fleet)
        found.server, found.parent_agents = _server_of(component, host, fleet), _parent_agents(component, host, fleet)
    if kept is None:
        made.keep(found, fleet, reads)
    if component == "server":
        fleet.server_plans[host] = found, frozenset(reads)
    return found


def plan_fleet(fleet: Fleet) -> None:
    """Plans every server and agent, so that the processes that Ansible forks from this one inherit the plans."""
    for component in COMPONENTS:
        for host in fleet.hosts(component):
            plan(component, host, fleet)


def _make(component: str, host: str, fleet: Fleet) -> Plan:
    values = fleet.values_of(host)
    problems = list(values.problems)
    paths = Paths(
        component,
        values[f"spire_{component}_instance"],
        install_root=values["spire_install_root"],
        root=values["spire_root_dir"],
    )
    release = versions.DEFAULT
    if values["spire_version"]:
        try:
            release = versions.parse(values["spire_version"])
        except ValueError as exc:
            # The nearest release is used for the other checks, so that all mistakes are reported at once.
            release = versions.nearest(values["spire_version"])
            message = f"{exc} Until then everything else is checked for {release}."
            problems.append(Problem("version", "spire_version", message, layer="spire_version"))
    version = versions.checked_as(release)
    if component == "server":
        builtin = defaults.server_defaults(paths, version, values["spire_trust_domain"] or "")
    else:
        builtin = _agent_defaults(host, fleet, paths, version)
    definitions, mistakes = binaries.read(values[binaries.VARIABLE])
    problems += mistakes
    filler = binaries.filler(component, values, definitions)
    stack = layers(component, values.raw, builtin)
    if _health_checks_off(stack):
        stack[0] = dataclasses.replace(stack[0], tree=defaults.without_health_checks(builtin))
    injected = _injected_options(host, fleet, stack, paths, version) if component == "server" else None
    between = _nested_layers(host, fleet, version) if component == "server" else []
    stack[1:1] = [*([injected.layer()] if injected else ()), *between, *pki_node.layers(component, values, paths, stack[1:])]
    tree = plan_tree_check.checked(component, stack, version, fleet, filler)
    problems += tree.merged.problems
    problems += plan_tree_check.attributed(component, values, tree.problems)
    server = _server_of(component, host, fleet)
    found = Plan(
        component, host, values, release, paths, tree.merged, tree.coerced, problems,
        external=component == "agent" and server is None,
        filler=filler, architectures=tree.architectures, arch=tree.arch, injected_options=injected,
        delivered=delivered.read(component, values, fleet.read_file),
    )
    found.attests_once = component == "agent" and _attests_once(found, server)
    return found


def _server_of(component: str, host: str, fleet: Fleet) -> Plan | None:
    """Returns the plan of the first of an agent's servers; None for a server, and for an agent whose servers are not in the inventory."""
    servers = fleet.servers_of(host) if component == "agent" else []
    return plan("server", servers[0], fleet) if servers else None


def _parent_agents(component: str, host: str, fleet: Fleet) -> list[Plan]:
    """Returns the plans of the agents that a nested server gets its identity from."""
    if component == "agent" or not nested.parent_servers(host, fleet):
        return []
    return [plan("agent", agent, fleet) for agent in nested.agents_of(host, fleet)]


def _injected_options(host: str, fleet: Fleet, stack: list[Layer], paths: Paths, version: versions.Version) -> InjectedOptions | None:
    found = pki_options.injected_options(host, fleet.values_of(host), stack, paths, version)
    if found and found.record_path:
        fleet.note(Read("file", found.record_path))
    return found


def _health_checks_off(stack: list[Layer]) -> bool:
    """Whether the last layer that sets health_checks.listener_enabled switches it off."""
    value: Any = True
    for layer in stack:
        health_checks = block(layer.tree, "health_checks")
        value = health_checks.get("listener_enabled", value)
    # Older releases of ansible-core turn the boolean result of a template into a string.
    return value is None or str(value).strip().lower() in OFF


def _nested_layers(host: str, fleet: Fleet, version: versions.Version) -> list[Layer]:
    """Returns the layer that connects a nested server to the first of its parent servers; an empty list for other servers."""
    above = nested.parent_servers(host, fleet)
    if not above:
        return []
    server = plan("server", above[0], fleet)
    agents = _parent_agents("server", host, fleet)
    # A rule of preflight reports a nested server without an agent. The default socket avoids a second message about it.
    socket = agents[0].socket if agents else Paths("agent", "main").socket
    # SPIRE's plugin joins them with a colon.
    options = {"server_address": with_brackets(server.address), "server_port": str(server.port), "workload_api_socket": socket}
    return [Layer(nested.VARIABLE, InjectedOptions(nested.PLUGIN, version, options).layer().tree)]


def _agent_defaults(host: str, fleet: Fleet, paths: Paths, version: versions.Version) -> dict[str, Any]:
    values = fleet.values_of(host)
    # On a nested server's host, spire_server_address is the address of that server, and the agent belongs to the parent servers.
    address = "" if fleet.upstream_group(host) else without_brackets(values["spire_server_address"] or "")
    port = defaults.SERVER_PORT
    trust_domain = values["spire_trust_domain"] or ""
    server = _server_of("agent", host, fleet)
    if server:
        address = address or server.address
        port = server.port
        trust_domain = trust_domain or server.trust_domain
    builtin = defaults.agent_defaults(paths, version, trust_domain, address, port)
    named = {option for layer in layers("agent", values.raw, builtin)[1:] for option in block(layer.tree, "agent")}
    if named.intersection(BOOTSTRAP_SOURCES):
        del builtin["agent"]["trust_bundle_path"]
    return builtin


def _attests_once(agent: Plan, server: Plan | None) -> bool:
    """Whether the agent's servers accept only one attestation of it."""
    named = agent.plugins("NodeAttestor")
    # http_challenge trusts on first use unless the server's option tofu is false.
    tofu = "http_challenge" in named and (server is None or server.plugin_data("NodeAttestor", "http_challenge").get("tofu") is not False)
    return tofu or any(name in named for name in ONCE)
