# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules between an agent's node attestor and that of its servers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Optional

from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.support import attestors_of, servers_of

_AZURE_RESOURCE = "https://management.azure.com/"
#: the option that is wrong, the message, and its severity; None where nothing is wrong
_Mismatch = Optional[tuple[str, str, str]]


@rule("fleet", "agent:plugins.NodeAttestor", source="both guides to configuring SPIRE (configure the attestor on server and agent)")
def attestor_of_servers(context: RuleContext) -> Findings:
    """Every server of an agent has the node attestor that the agent uses."""
    servers = servers_of(context)
    for name in attestors_of(context):
        # an agent may reach any of them
        lacking = next((server for server in servers if name not in server.plugins("NodeAttestor")), None)
        if lacking:
            path = f"plugins.NodeAttestor.{name}"
            yield Finding(path, (
                f"The agent attests by {name}, but its server {lacking.host} has "
                f"{', '.join(sorted(lacking.plugins('NodeAttestor'))) or 'no node attestor'}. Add {path} to spire_server_config, or choose "
                "another node attestor for the agent."
            ))


@rule(
    "fleet", "agent:agent.rebootstrap_mode", severity="either",
    source="pkg/agent/agent.go (Run) and pkg/server/plugin/nodeattestor/httpchallenge/httpchallenge.go (Attest), v1.15.3",
)
def http_challenge_rebootstrap(context: RuleContext) -> Findings:
    """tofu is false on the servers of an http_challenge agent whose rebootstrap_mode is always or auto, so that it can attest again."""
    planned: Plan = context.plan
    servers = servers_of(context)
    mode = planned.main.get("rebootstrap_mode")
    if mode not in ("always", "auto") or "http_challenge" not in attestors_of(context):
        return
    once = next((one for one in servers if one.plugin_data("NodeAttestor", "http_challenge").get("tofu") is not False), None)
    if once:
        then = "an agent with always would stop when it starts" if mode == "always" else "the agent switches rebootstrapping off"
        yield Finding("agent.rebootstrap_mode", (
            f"Its server {once.host} lets a node attest only once by http_challenge, because tofu is not false there, so {then}. Set tofu to "
            "false there, which requires a port that only root can open, or remove this option."
        ), "error" if mode == "always" else "warning")


def _first(
    context: RuleContext, name: str, compare: Callable[[Mapping[str, Any], Mapping[str, Any], str], _Mismatch]
) -> Findings:
    """Yields the first mismatch between the options of an agent's attestor and those of its servers."""
    planned: Plan = context.plan
    if name not in attestors_of(context):
        return
    own = planned.plugin_data("NodeAttestor", name)
    for server in servers_of(context):
        mismatch = compare(own, server.plugin_data("NodeAttestor", name), server.host)
        if mismatch:
            option, message, severity = mismatch
            yield Finding(f"plugins.NodeAttestor.{name}.plugin_data.{option}", message, severity)
            return


@rule(
    "fleet", "agent:plugins.NodeAttestor.azure_msi.plugin_data.resource_id", severity="either", after=(attestor_of_servers,),
    source="pkg/server/plugin/nodeattestor/azuremsi/msi.go (Attest), v1.15.3; both guides to configuring SPIRE",
)
def azure_resource_of_agent(context: RuleContext) -> Findings:
    """The resource_id of an azure_msi agent is the same as that of its server's tenants."""
    yield from _first(context, "azure_msi", _resource)


def _resource(own: Mapping[str, Any], theirs: Mapping[str, Any], host: str) -> _Mismatch:
    wanted = own.get("resource_id") or _AZURE_RESOURCE
    tenants = theirs.get("tenants")
    resources = {
        str(name): (tenant.get("resource_id") if isinstance(tenant, dict) else "") or _AZURE_RESOURCE
        for name, tenant in tenants.items()
    } if isinstance(tenants, dict) else {}
    other = [name for name, resource in resources.items() if resource != wanted]
    if not other:
        return None
    asks = f'The agent requests a token for "{wanted}"{"" if own.get("resource_id") else ", which is the default"}, but'
    if len(other) == len(resources):
        taken = ", ".join(f'"{resource}"' for resource in sorted(set(resources.values())))
        remedy = "Set the same resource_id for the agent and for the tenants of its machines."
        return "resource_id", f"{asks} no tenant of its server {host} accepts it; they accept {taken}. {remedy}", "error"
    remedy = "Set the agent's resource_id there, for the tenants of its machines."
    return "resource_id", f'{asks} its server {host} expects another resource for {", ".join(other)}. {remedy}', "warning"


@rule(
    "fleet", "agent:plugins.NodeAttestor.k8s_psat.plugin_data.cluster", "agent:plugins.NodeAttestor.k8s_sat.plugin_data.cluster",
    after=(attestor_of_servers,), source="pkg/server/plugin/nodeattestor/k8spsat/psat.go (Attest), v1.15.3",
)
def k8s_cluster_of_agent(context: RuleContext) -> Findings:
    """The cluster of a k8s_psat or k8s_sat agent is in the clusters of its servers."""
    for name in ("k8s_psat", "k8s_sat"):
        yield from _first(
            context, name, lambda own, theirs, host: _listed("cluster", own.get("cluster"), theirs.get("clusters"), host, "cluster")
        )


@rule(
    "fleet", "agent:plugins.NodeAttestor.azure_imds.plugin_data.tenant_domain", after=(attestor_of_servers,),
    source="pkg/server/plugin/nodeattestor/azureimds/imds.go (Attest), v1.15.3",
)
def azure_tenant_of_agent(context: RuleContext) -> Findings:
    """The tenant_domain of an azure_imds agent is in the tenants of its servers."""
    yield from _first(
        context, "azure_imds",
        lambda own, theirs, host: _listed("tenant_domain", own.get("tenant_domain"), theirs.get("tenants"), host, "tenant"),
    )


def _listed(option: str, name: Any, known: Any, host: str, what: str) -> _Mismatch:
    if not name or not isinstance(known, dict) or name in known:
        return None
    listed = ", ".join(map(str, known)) or "none"
    return option, f'The {what}s of its server {host} are {listed}, without "{name}". Add it to {what}s there.', "error"


@rule(
    "fleet", "agent:plugins.NodeAttestor.http_challenge.plugin_data", after=(attestor_of_servers,),
    source="pkg/server/plugin/nodeattestor/httpchallenge/httpchallenge.go (Attest), v1.15.3",
)
def http_challenge_of_agent(context: RuleContext) -> Findings:
    """The servers of an http_challenge agent accept its port and its hostname."""
    yield from _first(context, "http_challenge", _challenge)


def _challenge(own: Mapping[str, Any], theirs: Mapping[str, Any], host: str) -> _Mismatch:
    option = "advertised_port" if own.get("advertised_port") else "port"
    port = own.get(option)
    has = f"but the agent has {port or 'a random one'}"
    required = theirs.get("required_port")
    if isinstance(required, int) and port != required:
        return option, f"Its server {host} requires port {required} (required_port), {has}. Set it to {required}.", "error"
    if theirs.get("allow_non_root_ports") is False and not (isinstance(port, int) and port < 1024):
        found = f"Its server {host} accepts only ports below 1024 (allow_non_root_ports: false), {has}."
        return option, f"{found} Set such a port, for example 80.", "error"
    name, patterns = own.get("hostname"), theirs.get("allowed_dns_patterns")
    if isinstance(name, str) and name and isinstance(patterns, list) and patterns and not any(_matches(p, name) for p in patterns):
        return "hostname", f'No item of allowed_dns_patterns on its server {host} matches "{name}". Add a pattern there.', "error"
    return None


def _matches(pattern: Any, name: str) -> bool:
    """Whether a name matches; a pattern that Python can't read counts as one that does."""
    try:
        return re.search(str(pattern), name) is not None
    except re.error:
        return True
