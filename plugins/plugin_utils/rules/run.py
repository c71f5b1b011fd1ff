# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evaluates the rules for the plans of an inventory, and converts their findings into problems."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from ansible_collections.spire.fleet.plugins.plugin_utils.common import problems
from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.variables import LAYER, catalogue
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.releases import versions
from ansible_collections.spire.fleet.plugins.plugin_utils.rules import support
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.host import trust_domain
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import (
    FLEET, HOST, INVENTORY, RuleContext, SCOPES, applicable, rules,
)

# loads the modules of all rules now, and not at the first check
rules(*SCOPES)


def of_fleet(fleet: Fleet, steps: Collection[str] | None = None, run: Collection[str] | None = None) -> list[Problem]:
    """Returns the problems of all hosts, each with its hosts.

    ``steps`` are the steps of ``site`` that this run takes, and ``run`` are its hosts, without which it has all.
    """
    found: list[Problem] = []
    whole = RuleContext(INVENTORY, versions.DEFAULT, fleet=fleet, steps=steps, whole=True)
    # agents come first, because the rules about entries need what they store about agents
    for component in ("agent", "server"):
        for host in fleet.hosts(component):
            planned = plan(component, host, fleet)
            context = RuleContext(
                component, planned.checked_as, plan=planned, fleet=fleet, now=whole.now, steps=steps, whole=True, memory=whole.memory,
            )
            of_host = problems.for_host(_of_context(context), host)
            found += of_host if run is None or host in run else _of_host_outside(of_host)
    for one in support.check(whole, applicable((FLEET,), INVENTORY, None)):
        hosts = tuple(host for host in one.hosts if support.apply_strict_policy([one], fleet.values_of(host)))
        if hosts or not one.hosts:
            found.append(replace(one, hosts=hosts))
    return found


def _of_host_outside(found: list[Problem]) -> list[Problem]:
    """Returns the problems of a host outside the run. A value there that can't be decrypted is a warning, where no other host needs it."""
    return [replace(one, severity="warning") if one.code == "vault" and _is_private(one) else one for one in found]


def _is_private(one: Problem) -> bool:
    """Whether a value that can't be decrypted is a secret of the host alone: a login, or an option inside of a configuration.

    Others need its other variables, such as a server's address and its entries, and a configuration as a whole, which has the server's port.
    """
    variable = catalogue().get(one.layer)
    in_tree = LAYER.match(one.layer) or one.layer in ("spire_server_config", "spire_agent_config")
    return one.path != one.layer if in_tree else variable is not None and (variable.secret or not variable.shown)


def of_plan(planned: Plan, fleet: Fleet) -> list[Problem]:
    """Returns the problems of one server or agent that can be seen without the plans of all others, which would take longer for each host."""
    return _of_context(RuleContext(planned.component, planned.checked_as, plan=planned, fleet=fleet))


def _of_context(context: RuleContext) -> list[Problem]:
    planned: Plan = context.plan
    option = f"{planned.component}.trust_domain"
    # the rule missing_trust_domain alone reports a trust domain that is not set
    found = [one for one in _once(planned.problems) if one.path != option or trust_domain.is_set_here(planned)]
    found += support.check(context, applicable((HOST, FLEET), planned.component, planned.checked_as))
    return support.apply_strict_policy(found, planned.values)


def _once(found: Iterable[Problem]) -> Iterator[Problem]:
    """Yields the problems, of those with Ansible Vault the first one of each variable: one password is missing."""
    named: set[str] = set()
    for one in found:
        if one.code != "vault" or one.layer not in named:
            yield one
        named.update([one.layer] if one.code == "vault" else [])
