# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Helps rules of hosts and fleets: which machine a plan is for, which servers belong to it, and how a finding becomes a problem."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import did_you_mean
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import BUILT_IN
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet, machine_of
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.tree_check import FROM_VARIABLES
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Rule, RuleContext, broken
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import links

_VARIABLE = re.compile(r"spire_\w+")


def check(context: RuleContext, known: Collection[Rule]) -> Iterator[Problem]:
    """Yields the problems of a plan, or of the whole inventory, by these rules."""
    for rule, finding in broken(context, known):
        yield problem(context, rule, finding)


def problem(context: RuleContext, rule: Rule, finding: Finding) -> Problem:
    """Makes a problem of a finding: with the variable that is at fault, and for an option with SPIRE's document."""
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
        made, layer=layer, link=links.documentation_of_path(name, finding.path, planned.version), releases=links.releases_of_path(name, finding.path),
    )
    own = FROM_VARIABLES.get(finding.path.removeprefix(f"{name}."), "")
    # a variable made the option, so the mistake is the variable's
    return replace(made, path=own, layer=own) if layer == BUILT_IN and own and planned.values[own] else made


def judged(found: Iterable[Problem], values: Mapping[str, Any]) -> list[Problem]:
    """Drops problems whose rules spire_allow names; without strict mode, turns strict mode's refusals into warnings."""
    allowed, strict = values["spire_allow"], values["spire_strict"]
    kept = [one for one in found if one.rule not in allowed or not (one.allow or one.severity == "warning")]
    return kept if strict else [replace(one, severity="warning") if one.allow else one for one in kept]


def servers_of(context: RuleContext) -> list[Plan]:
    """Returns the plans of an agent's servers; none where they are not in this inventory."""
    fleet: Fleet = context.fleet
    return context.fact("servers", lambda: [plan("server", name, fleet) for name in fleet.servers_of(context.plan.host)])


def attestors_of(context: RuleContext) -> dict[str, Any]:
    """Returns the blocks of the enabled node attestors of a plan, by their names."""
    return context.fact("attestors", lambda: context.plan.plugins("NodeAttestor"))


def group_of(context: RuleContext) -> tuple[str, Sequence[Plan], Sequence[Plan]]:
    """Returns the group of a server, the plans of its servers, and those that stand before this one.

    What differs between two servers is reported of the later one.
    """
    return context.fact("group", lambda: _group_of(context.plan.host, context.fleet))


def _group_of(host: str, fleet: Fleet) -> tuple[str, Sequence[Plan], Sequence[Plan]]:
    group = fleet.group_of_server(host)
    names = list(fleet.groups.get(group, ()))
    together = [plan("server", name, fleet) for name in names]
    return group, together, together[: names.index(host)] if host in names else []


def template_failed(planned: Plan) -> bool:
    """Whether a variable's template failed: what seems to be missing then may only not be known yet."""
    return any(one.code == "template" for one in planned.values.problems)


def machine(planned: Plan) -> str:
    """Returns what tells machines apart: several inventory hosts may be one machine."""
    return machine_of(planned.values.raw, planned.host)


def step(version: Version) -> int:
    """Returns the number of a minor release in one row of all: 1.0 follows 0.12."""
    return version.minor if version.major else version.minor - 13


def unknown_release(plans: Iterable[Plan]) -> bool:
    """Whether one of these plans is of a release that SPIRE never had, which can't be compared with others."""
    return any(one.code == "version" for made in plans for one in made.problems)


def meant(group: str, fleet: Fleet) -> str:
    """Returns a question after another group's name that is nearly the same; an empty text where there is none."""
    hint = did_you_mean(group, [name for name, hosts in fleet.groups.items() if hosts], 0.8) if group not in fleet.groups else ""
    return f" ({hint})" if hint else ""
