# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about the trust bundle in the inventory for an agent whose servers are not in the inventory."""

from __future__ import annotations

from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.fleet.agents import agent_without_servers
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.host.trust_bundle import BUNDLE, PINS, is_fingerprint
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.support import servers_of
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import svid
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.trust_bundle import bundle_problem, pinned_fingerprints


def _bundle(context: RuleContext) -> str:
    """Returns spire_trust_bundle; an empty text where the agent's servers are in the inventory or the tree sets another bundle."""
    planned: Plan = context.plan
    used = not servers_of(context) and str(planned.main.get("trust_bundle_path", "")) == planned.paths.bundle
    return str(planned.values[BUNDLE] or "") if used else ""


@rule("fleet", "agent:spire_trust_bundle", after=(agent_without_servers,), source="pkg/common/pemutil/block.go (parseBlocks), v1.15.3")
def trust_bundle_format(context: RuleContext) -> Findings:
    """spire_trust_bundle contains certificates in PEM and nothing else."""
    pem = _bundle(context)
    wrong = bundle_problem(pem) if pem else ""
    if wrong:
        yield Finding(BUNDLE, wrong)


@rule("fleet", "agent:spire_trust_bundle_sha256", after=(trust_bundle_format,), source="docs/enrolment.md")
def trust_bundle_fingerprints(context: RuleContext) -> Findings:
    """The certificates in spire_trust_bundle have exactly the fingerprints in spire_trust_bundle_sha256."""
    pem, given = _bundle(context), context.plan.values[PINS] or []
    if not pem or not given:
        return
    expected, found = pinned_fingerprints(given), set(svid.fingerprints(pem))
    if expected != found and all(map(is_fingerprint, expected)):
        yield Finding(PINS, (
            f"It contains {', '.join(sorted(expected))}, but the certificates in {BUNDLE} have the fingerprints "
            f"{', '.join(sorted(found))}. Ask the operator of the servers which ones are right, and correct the others."
        ))
