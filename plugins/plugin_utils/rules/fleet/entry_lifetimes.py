# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about the lifetimes that registration entries ask for."""

from __future__ import annotations

from fractions import Fraction

from ansible_collections.spire.fleet.plugins.plugin_utils.entries import desired as desired_entries
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree.server import hours, longest_svid

_LIVES = ("x509_svid_ttl", "jwt_svid_ttl", "ttl")


@rule(
    "fleet", "server:spire_entries", severity="warning",
    source=(
        "pkg/server/ca/manager/manager.go (MaxSVIDTTLForCATTL) and pkg/server/credtemplate/builder.go (computeCappedLifetime), v1.15.3"
    ),
)
def entry_lifetime(context: RuleContext) -> Findings:
    """No lifetime in an entry is longer than a sixth of ca_ttl or than a week: SPIRE shortens it without a message."""
    planned: Plan = context.plan
    longest = longest_svid(str(planned.main.get("ca_ttl") or ""))
    for path, entry in desired_entries.sound(planned) if longest else ():
        # for a downstream server the lifetime is that of a CA and not of an SVID
        for name in _LIVES if not entry.get("downstream") else ():
            given = str(entry.get(name) or "0")
            if longest and given.isdecimal() and Fraction(given) > longest:
                yield Finding(f"{path}.{name}", (
                    f"The entry requests {hours(Fraction(given))}, but an SVID of this server lives at most {hours(longest)}: a sixth of "
                    "server.ca_ttl, and never more than a week. SPIRE shortens the lifetime without a message. Request less, or set a longer "
                    "server.ca_ttl."
                ))
