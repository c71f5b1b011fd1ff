# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Helpers for rules of hosts and fleets: the machine and the servers of a plan, and the conversion of a finding into a problem."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import did_you_mean
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import BUILT_IN
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory import connection
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.tree_check import FROM_VARIABLES
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Rule, RuleContext, broken
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import links

_VARIABLE = re.compile(r"spire_\w+")


def check(context: RuleContext, known: Collection[Rule]) -> Iterator[Problem]:
    """Yields the problems that these rules find in a plan, or in the whole inventory."""
    for rule, finding in broken(context, known):
        yield problem(context, rule, finding)


def problem(context: RuleContext, rule: Rule, finding: Finding) -> Problem:
    """Converts a finding into a problem: adds the variable to correct, and for an option the link to SPIRE's documentation."""
    severity = finding.severity or (rule.severity if rule.severity != "either" else "error")
    made = Problem(
        rule.id, finding.path, finding.message, finding.layer or "", finding.hosts, severity, rule=rule.id, allow=rule.allow,
    )
    variable = _VARIABLE.match(finding.path)
    planned: Plan | None = context.plan
    if variable or planned is None:
        return made if finding.layer is not None or not variable else replace(made, layer=variable[0])
    name = planned.component
    layer = planned.merged.origin(finding.path) if finding.layer is None else finding.layer
    made = replace(
        made, layer=layer, link=links.documentation_of_path(name, finding.path, planned.checked_as), releases=links.releases_of_path(name, finding.path),
    )
    own = FROM_VARIABLES.get(finding.path.removeprefix(f"{name}."), "")
    # a variable set the option, so the variable has to be corrected
    return replace(made, path=own, layer=own) if layer == BUILT_IN and own and planned.values[own] else made


def apply_strict_policy(found: Iterable[Problem], values: Mapping[str, Any]) -> list[Problem]:
    """Drops problems whose rules are in spire_allow; without strict mode, turns the errors of strict rules into warnings."""
    allowed, strict = values["spire_allow"], values["spire_strict"]
    kept = [one for one in found if one.rule not in allowed or not (one.allow or one.severity == "warning")]
    return kept if strict else [replace(one, severity="warning") if one.allow else one for one in kept]


def servers_of(context: RuleContext) -> list[Plan]:
    """Returns the plans of an agent's servers; an empty list where they are not in this inventory."""
    fleet: Fleet = context.fleet
    return context.fact("servers", lambda: [plan("server", name, fleet) for name in fleet.servers_of(context.plan.host)])


def attestors_of(context: RuleContext) -> dict[str, Any]:
    """Returns the blocks of the enabled node attestors of a plan, by their names."""
    return context.fact("attestors", lambda: context.plan.plugins("NodeAttestor"))


def one_trust_domain(plans: Iterable[Plan]) -> bool:
    """Whether these servers have one trust domain. Where they have several, spire_server_group is missing, and no other advice helps."""
    return len({planned.trust_domain for planned in plans}) == 1


def group_of(context: RuleContext) -> tuple[str, Sequence[Plan], Sequence[Plan]]:
    """Returns the group of a server, the plans of the servers in it, and the plans of those that come before this server.

    A difference between two servers is reported for the later one.
    """
    return context.fact("group", lambda: _group_of(context.plan.host, context.fleet))


def _group_of(host: str, fleet: Fleet) -> tuple[str, Sequence[Plan], Sequence[Plan]]:
    group = fleet.group_of_server(host)
    names = list(fleet.groups.get(group, ()))
    together = [plan("server", name, fleet) for name in names]
    return group, together, together[: names.index(host)] if host in names else []


def template_failed(planned: Plan) -> bool:
    """Whether a variable could not be made: a value that seems to be missing may then only be unknown."""
    return bool(planned.values.unmade)


def machine(planned: Plan) -> str:
    """Returns a key of the machine that a plan is for: several inventory hosts may be one machine."""
    return connection.machine(planned.values.raw, planned.host)


def wrong_release(plans: Iterable[Plan]) -> bool:
    """Whether one of these plans has a release that SPIRE never published, which can't be compared with others."""
    return any(one.code == "version" and one.path == "spire_version" for made in plans for one in made.problems)


def meant(group: str, fleet: Fleet) -> str:
    """Returns a suggestion of a group with a similar name, in parentheses; an empty text where there is none."""
    hint = did_you_mean(group, [name for name, hosts in fleet.groups.items() if hosts], 0.8) if group not in fleet.groups else ""
    return f" ({hint})" if hint else ""
