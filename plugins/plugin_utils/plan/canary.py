# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SPIFFE ID by which verify sees that an agent issues SVIDs."""

from __future__ import annotations

from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.svid import absolute

CANARY = "/fleet-canary"


def canary(planned: Plan) -> str:
    """The SPIFFE ID that every agent has for the canary; empty where there is none.

    Servers outside of the inventory have one only where somebody says so.
    """
    wanted = planned.values["spire_canary"] and (not planned.external or planned.values.is_set("spire_canary"))
    return absolute(CANARY, planned.trust_domain) if wanted else ""
