# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SPIFFE ID with which verify checks that an agent issues SVIDs."""

from __future__ import annotations

from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.svid import absolute

CANARY = "/fleet-canary"


def canary(planned: Plan) -> str:
    """Returns the SPIFFE ID of the canary; empty where there is none.

    If the servers are not in the inventory, there is a canary only where spire_canary is set.
    """
    wanted = planned.values["spire_canary"] and (not planned.external or planned.values.is_set("spire_canary"))
    return absolute(CANARY, planned.trust_domain) if wanted else ""
