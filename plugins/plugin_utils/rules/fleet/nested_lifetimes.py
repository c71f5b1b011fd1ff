# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rule about lifetimes of nested servers: a CA ends with the CA above it at the latest, so each tier leaves less time for the one below."""

from __future__ import annotations

from fractions import Fraction

from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import and_list
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory import nested
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.fleet.nested import upstream_group
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree.server import (
    CA_SHARE, LONGER_THAN_SURE, LONGEST_SURE, SVID_LIFETIMES, ca_lifetime, hours, length, sure_below,
)


#: the lifetimes of X.509 SVIDs; the keys of JWT-SVIDs are each server's own, so no tier shortens them
_X509 = tuple(name for name in SVID_LIFETIMES if name != "default_jwt_svid_ttl")


def own_ca_lifetime(planned: Plan) -> Fraction | None:
    """Returns the seconds of a server's ca_ttl; None where it is not valid."""
    return ca_lifetime(str(planned.main.get("ca_ttl") or ""))


def sure_ca_lifetime(planned: Plan, fleet: Fleet) -> Fraction | None:
    """Returns how many seconds are sure for a server's CA, which may be below the CA of another server; None where ca_ttl is not valid."""
    own = own_ca_lifetime(planned)
    above = [sure_ca_lifetime(plan("server", name, fleet), fleet) for name in nested.parent_servers(planned.host, fleet)]
    return own and min([own, *(sure_below(life) for life in above if life)])


@rule(
    "fleet", "server:server.ca_ttl", *(f"server:server.{name}" for name in _X509), severity="warning", after=(upstream_group,),
    source="pkg/server/credtemplate/builder.go (parentChainExpiration) and pkg/server/ca/manager/manager.go (MaxSVIDTTLForCATTL), v1.15.3",
)
def nested_server_lifetimes(context: RuleContext) -> Findings:
    """The ca_ttl of a nested server is at most a sixth of that of the servers above it, and lifetimes of its SVIDs at most a sixth of what is sure."""
    planned: Plan = context.plan
    own, sure = own_ca_lifetime(planned), sure_ca_lifetime(planned, context.fleet)
    if own is None or sure is None or sure >= own:
        return
    above = and_list(nested.parent_servers(planned.host, context.fleet))
    found = (
        f"The CA of this server ends with the CA of {above} at the latest, so only {hours(sure)} is sure for it, and {hours(sure_below(sure))} for "
        "its SVIDs"
    )
    if planned.main.get("ca_ttl"):
        longer = f"Set server.ca_ttl to {hours(own * CA_SHARE)} or more there, or a shorter one here" if own <= LONGEST_SURE else "Set a shorter one here"
        yield Finding("server.ca_ttl", f"{found}, but ca_ttl is {planned.main['ca_ttl']}. {longer}.")
    for name in _X509:
        ttl = length(str(planned.main.get(name) or ""))
        # the rule svid_lifetime reports a lifetime that is too long for the server's own ca_ttl
        if ttl and sure_below(sure) < ttl <= sure_below(own):
            yield Finding(f"server.{name}", (
                f"{found}, but {name} is {planned.main[name]}. {LONGER_THAN_SURE} Set a longer server.ca_ttl on {above}, or shorten this lifetime."
            ))
