# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about an agent_path_template that gives several agents one SPIFFE ID. Each of them then takes the identity from the one before it."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import and_list
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.support import attestors_of
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree.agent_path_template import common_fields, data

_SOURCE = "pkg/common/agentpathtemplate/template.go and pkg/server/api/agent/v1/service.go (AttestAgent), v1.15.3"
_PLACES = ("agent:plugins.NodeAttestor", "server:plugins.NodeAttestor")
_SHOWN = 3


@rule("fleet", *_PLACES, source=_SOURCE)
def constant_agent_path(context: RuleContext) -> Findings:
    """Where several agents attest by one attestor, its agent_path_template names a field of the node, so that they do not all get one SPIFFE ID."""
    for path, name, text, agents in _templates(context):
        if common_fields(name, text) == []:
            yield Finding(path, (
                f"{_who(agents)} attest by {name}, and this template is the same for all of them, so each would take the SPIFFE ID of the one "
                f"before it, and they would attest again for ever. {_remedy(name)}"
            ))


@rule("fleet", *_PLACES, allow=True, source=_SOURCE)
def shared_agent_path(context: RuleContext) -> Findings:
    """Where several agents attest by one attestor, its agent_path_template names a field that tells nodes apart, not only such as their account."""
    for path, name, text, agents in _templates(context):
        fields = common_fields(name, text)
        if fields:
            listed = and_list([f".{field}" for field in fields])
            yield Finding(path, (
                f"{_who(agents)} attest by {name}, and this template names only {listed}, which several nodes have in common. Those that do would "
                f"take the SPIFFE ID from each other, and attest again for ever. {_remedy(name)}"
            ))


def _templates(context: RuleContext) -> Iterator[tuple[str, str, str, list[str]]]:
    """Yields each template of a server whose attestor several agents use: its path, the attestor, the text and the agents."""
    planned: Plan = context.plan
    if planned.component == "agent":
        # agents are evaluated before servers
        for name in attestors_of(context):
            for server in context.fleet.servers_of(planned.host):
                context.memory.setdefault("attesting", {}).setdefault((server, name), {})[planned.host] = None
        return
    for name in data()["fields"]:
        text = planned.plugin_data("NodeAttestor", name).get("agent_path_template")
        agents = list(context.memory.get("attesting", {}).get((planned.host, name), ()))
        if isinstance(text, str) and text and len(agents) > 1:
            yield f"plugins.NodeAttestor.{name}.plugin_data.agent_path_template", name, text, agents


def _who(agents: list[str]) -> str:
    shown = agents if len(agents) <= _SHOWN else [*agents[:_SHOWN], f"{len(agents) - _SHOWN} more"]
    return f"{len(agents)} agents ({and_list(shown)})"


def _remedy(name: str) -> str:
    return f"Name what tells nodes apart, such as {{{{ .{data()['fields'][name]['apart']} }}}}, or remove the template."
