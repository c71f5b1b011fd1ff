# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Agents are asked for their identities before a server without a datastore is started."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.drift import bare_server
from tests.unit.builders.fleets import fleet, planned
from tests.unit.builders.observed import AGENT_ID, NOW, chain

POSTGRES = {"database_type": "postgres", "connection_string": "host=db dbname=spire user=spire"}
DISK = {"key_file_path": "/etc/ca.key", "cert_file_path": "/etc/ca.pem"}


def server_plugins(**plugins: Any) -> dict[str, Any]:
    return {"spire_server_config": {"plugins": plugins}}


def test_only_the_agents_of_a_server_without_its_datastore_are_asked() -> None:
    made = fleet()
    assert bare_server.agents(made, made.servers) == list(made.agents)
    assert bare_server.agents(made, []) == []


@pytest.mark.parametrize(
    "variables",
    [
        server_plugins(DataStore={"sql": {"plugin_data": POSTGRES}}),
        server_plugins(UpstreamAuthority={"disk": {"plugin_data": DISK}}),
        {"spire_new_authority": True},
    ],
)
def test_a_server_that_keeps_its_authority_elsewhere_is_not_asked_about(variables: dict[str, Any]) -> None:
    assert bare_server.agents(fleet(variables), fleet(variables).servers) == []


def test_an_identity_that_still_counts_is_described() -> None:
    plan = planned("agent", {})
    held = bare_server.held_identity(plan, {"identity": {"chain": chain(AGENT_ID)}}, NOW)
    assert held.startswith(f"{plan.host} holds the identity {AGENT_ID} until ")
    assert held.endswith("has no datastore /var/lib/spire/server/main/datastore.sqlite3.")


@pytest.mark.parametrize(
    ("identity", "later"), [({}, 0), ({"chain": chain(AGENT_ID)}, 10_000), ({"chain": chain("spiffe://other.test/spire/agent/a")}, 0)]
)
def test_no_identity_an_expired_one_and_one_of_another_trust_domain_do_not_count(identity: dict[str, Any], later: int) -> None:
    assert bare_server.held_identity(planned("agent", {}), {"identity": identity}, NOW + datetime.timedelta(days=later)) == ""
