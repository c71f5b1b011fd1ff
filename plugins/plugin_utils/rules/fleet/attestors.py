# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold between an agent's node attestor and its servers'."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.support import at
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import fleet_rule

_AZURE_RESOURCE = "https://management.azure.com/"
#: the option that is at fault, what is wrong with it, and how bad; no words where nothing is
_Judgement = tuple[str, str, str]
_FINE: _Judgement = ("", "", "error")


@fleet_rule("agent")
def check(planned: Plan, servers: Sequence[Plan]) -> Iterable[Problem]:
    """The node attestor of an agent is one that each of its servers offers, and takes what the agent brings.

    Source: both guides to configuring SPIRE (configure the attestor on server and agent)
    """
    for name in planned.plugins("NodeAttestor"):
        # an agent may reach any of them
        lacking = next((server for server in servers if name not in server.plugins("NodeAttestor")), None)
        if lacking:
            path = f"plugins.NodeAttestor.{name}"
            yield at(planned, "attestor_not_offered", path, (
                f"The agent attests by {name}, and its server {lacking.host} offers "
                f"{', '.join(sorted(lacking.plugins('NodeAttestor'))) or 'no attestor'}. Add {path} to "
                "spire_server_config, or choose another one for the agent."
            ))
        elif name in _MATCHES:
            own = planned.plugin_data("NodeAttestor", name)
            for server in servers:
                option, message, severity = _MATCHES[name](own, server.plugin_data("NodeAttestor", name), server.host)
                if message:
                    yield at(planned, "attestors_differ", f"plugins.NodeAttestor.{name}.plugin_data.{option}", message, severity)
                    break
    yield from _again(planned, servers)


@fleet_rule("agent")
def _again(planned: Plan, servers: Sequence[Plan]) -> Iterable[Problem]:
    """An http_challenge agent with rebootstrap_mode always or auto has servers that let it attest again, by tofu: false.

    Source: pkg/agent/agent.go (Run) and pkg/server/plugin/nodeattestor/httpchallenge/httpchallenge.go (Attest), v1.15.3
    """
    mode = planned.main.get("rebootstrap_mode")
    if mode not in ("always", "auto") or "http_challenge" not in planned.plugins("NodeAttestor"):
        return
    once = next((one for one in servers if one.plugin_data("NodeAttestor", "http_challenge").get("tofu") is not False), None)
    if once:
        then = "with always the agent would stop at its start" if mode == "always" else "the agent switches this off"
        yield at(planned, "attests_once", "agent.rebootstrap_mode", (
            f"Its server {once.host} lets a node attest by http_challenge once (tofu), so {then}. Set tofu: false there, which asks for "
            "a port that root alone can open, or leave this out."
        ), "error" if mode == "always" else "warning")


@fleet_rule("agent")
def _resource(own: dict[str, Any], theirs: dict[str, Any], host: str) -> _Judgement:
    """The resource_id of an azure_msi agent is that of the server's tenants.

    Source: pkg/server/plugin/nodeattestor/azuremsi/msi.go (Attest), v1.15.3; both guides to configuring SPIRE
    """
    wanted = own.get("resource_id") or _AZURE_RESOURCE
    tenants = theirs.get("tenants")
    resources = {
        str(name): (tenant.get("resource_id") if isinstance(tenant, dict) else "") or _AZURE_RESOURCE
        for name, tenant in tenants.items()
    } if isinstance(tenants, dict) else {}
    other = [name for name, resource in resources.items() if resource != wanted]
    if not other:
        return _FINE
    asks = f'The agent asks for a token of "{wanted}"{"" if own.get("resource_id") else ", which is the default"}, and'
    if len(other) == len(resources):
        taken = ", ".join(f'"{resource}"' for resource in sorted(set(resources.values())))
        remedy = "Make them the same, here or for the tenants of these machines there."
        return "resource_id", f"{asks} no tenant of its server {host} takes that; they take {taken}. {remedy}", "error"
    remedy = "Set that resource_id there, for the tenants of these machines."
    return "resource_id", f'{asks} its server {host} takes another for {", ".join(other)}. {remedy}', "warning"


@fleet_rule("agent")
def _cluster(own: dict[str, Any], theirs: dict[str, Any], host: str) -> _Judgement:
    """The cluster of a k8s_psat or k8s_sat agent is one that its servers know.

    Source: pkg/server/plugin/nodeattestor/k8spsat/psat.go (Attest), v1.15.3
    """
    return _listed("cluster", own.get("cluster"), theirs.get("clusters"), host, "cluster")


@fleet_rule("agent")
def _tenant(own: dict[str, Any], theirs: dict[str, Any], host: str) -> _Judgement:
    """The tenant_domain of an azure_imds agent is one of its servers' tenants.

    Source: pkg/server/plugin/nodeattestor/azureimds/imds.go (Attest), v1.15.3
    """
    return _listed("tenant_domain", own.get("tenant_domain"), theirs.get("tenants"), host, "tenant")


def _listed(option: str, name: Any, known: Any, host: str, what: str) -> _Judgement:
    if not name or not isinstance(known, dict) or name in known:
        return _FINE
    listed = ", ".join(map(str, known)) or "none"
    return option, f'Its server {host} knows no {what} "{name}"; it has {listed}. Add it to {what}s there.', "error"


@fleet_rule("agent")
def _challenge(own: dict[str, Any], theirs: dict[str, Any], host: str) -> _Judgement:
    """The port and the name of an http_challenge agent are such as its servers take.

    Source: pkg/server/plugin/nodeattestor/httpchallenge/httpchallenge.go (Attest), v1.15.3
    """
    option = "advertised_port" if own.get("advertised_port") else "port"
    port = own.get(option)
    has = f"and the agent has {port or 'a random one'}"
    required = theirs.get("required_port")
    if isinstance(required, int) and port != required:
        return option, f"Its server {host} asks for port {required} (required_port), {has}. Set it to {required}.", "error"
    if theirs.get("allow_non_root_ports") is False and not (isinstance(port, int) and port < 1024):
        found = f"Its server {host} takes ports below 1024 alone (allow_non_root_ports: false), {has}."
        return option, f"{found} Set one of those, such as 80.", "error"
    name, patterns = own.get("hostname"), theirs.get("allowed_dns_patterns")
    if isinstance(name, str) and name and isinstance(patterns, list) and patterns and not any(_matches(p, name) for p in patterns):
        return "hostname", f'Its server {host} has no pattern for "{name}" in allowed_dns_patterns. Add one there.', "error"
    return _FINE


def _matches(pattern: Any, name: str) -> bool:
    try:
        return re.search(str(pattern), name) is not None
    except re.error:
        return True


_MATCHES = {
    "azure_msi": _resource,
    "azure_imds": _tenant,
    "k8s_psat": _cluster,
    "k8s_sat": _cluster,
    "http_challenge": _challenge,
}
