# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about the lifetimes that registration entries ask for."""

from __future__ import annotations

from fractions import Fraction

from ansible_collections.spire.fleet.plugins.plugin_utils.entries import desired as desired_entries
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.fleet.nested_lifetimes import own_ca_lifetime, sure_ca_lifetime
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree.server import LONGER_THAN_SURE, hours, sure_below

_LIVES = ("x509_svid_ttl", "jwt_svid_ttl", "ttl")


@rule(
    "fleet", "server:spire_entries", severity="warning",
    source=(
        "pkg/server/ca/manager/manager.go (MaxSVIDTTLForCATTL) and pkg/server/credtemplate/builder.go (computeCappedLifetime), v1.15.3"
    ),
)
def entry_lifetime(context: RuleContext) -> Findings:
    """No lifetime in an entry is longer than a sixth of that of the server's CA or than a week, because no more is sure."""
    planned: Plan = context.plan
    own, below = own_ca_lifetime(planned), sure_ca_lifetime(planned, context.fleet)
    for path, entry in desired_entries.sound(planned) if own and below else ():
        # for a downstream server the lifetime is that of a CA and not of an SVID
        for name in _LIVES if not entry.get("downstream") else ():
            given = str(entry.get(name) or "0")
            # the keys of JWT-SVIDs are each server's own, so no tier shortens them
            sure = sure_below(own if name == "jwt_svid_ttl" else below)
            if given.isdecimal() and Fraction(given) > sure:
                yield Finding(f"{path}.{name}", (
                    f"The entry requests {hours(Fraction(given))}, but for an SVID of this server only {hours(sure)} is sure: a sixth of the "
                    f"lifetime of its CA, and never more than a week. {LONGER_THAN_SURE} Request less, or set a longer server.ca_ttl here "
                    "and on the servers above."
                ))
