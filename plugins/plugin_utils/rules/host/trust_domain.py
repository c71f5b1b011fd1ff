# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rule about the trust domain of a server or agent."""

from __future__ import annotations

from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule


def is_set_here(planned: Plan) -> bool:
    """Whether the host has a trust domain, or would have one if no layer of its tree removed it."""
    option = f"{planned.component}.trust_domain"
    return bool(planned.trust_domain or planned.values["spire_trust_domain"] and planned.merged.origin.taken(option))


@rule("host", "server:spire_trust_domain", "agent:spire_trust_domain", source="docs/variables.md (spire_trust_domain)")
def missing_trust_domain(context: RuleContext) -> Findings:
    """Every server and agent has a trust domain."""
    planned: Plan = context.plan
    if not is_set_here(planned) and not any(problem.path == "spire_trust_domain" for problem in planned.problems):
        yield Finding("spire_trust_domain", "The trust domain is not set. Set it, for example to prod.acme.com.")
