# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nested servers for tests against a real SPIRE, with the options and the entries that the collection plans for them."""

from __future__ import annotations

import getpass
from typing import Any

from ansible_collections.spire.fleet.plugins.module_utils.spire.entry_fields import normalise
from ansible_collections.spire.fleet.plugins.plugin_utils.entries import desired as desired_entries
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from tests.support.real_spire import RealAgent, RealServer, TRUST_DOMAIN
from tests.unit.builders.fleets import fleet

#: lets servers and agents learn of entries within a second
EAGER = {"server": {"experimental": {"cache_reload_interval": "1s"}}}
EAGER_AGENT = {"agent": {"experimental": {"sync_interval": "1s"}}}


def planned(parent: RealServer, parent_agent: RealAgent) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Returns the planned options of the plugin of a nested server below this one, and the planned entries on the parent server."""
    here = {"ansible_host": "127.0.0.1"}
    made = fleet(
        {"spire_trust_domain": TRUST_DOMAIN}, ("above", "below"), ("below",), {"uppers": ["above"], "lowers": ["below"]},
        above={**here, "ansible_port": 1, "spire_server_group": "uppers", "spire_server_config": {"server": {"bind_port": parent.port}}},
        below={
            **here, "ansible_port": 2, "spire_server_group": "lowers", "spire_upstream_server_group": "uppers",
            "spire_server_user": getpass.getuser(), "spire_agent_config": {"agent": {"socket_path": str(parent_agent.socket_path)}},
        },
    )
    wanted = desired_entries.of_nested(plan("server", "above", made), made, "uppers", {"below": parent_agent.spiffe_id})
    return plan("server", "below", made).plugin_data("UpstreamAuthority", "spire"), wanted


def below(parent: RealServer, parent_agent: RealAgent, allowed: bool = True) -> RealServer:
    """Returns a nested server that is not started yet. If ``allowed``, its entry is made on the parent server."""
    options, wanted = planned(parent, parent_agent)
    if allowed:
        assert [item.code for item in parent.client().entry_create([normalise(one) for one in wanted])] == [0]
    return RealServer(parent.binary, config={**EAGER, "plugins": {"UpstreamAuthority": {"spire": {"plugin_data": options}}}})
