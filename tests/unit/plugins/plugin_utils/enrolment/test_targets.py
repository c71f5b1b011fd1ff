# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nodes that may attest only once are recognised, evicted when they must attest again, and enrolled after a restart with keys in memory."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.drift.compare import compare
from ansible_collections.spire.fleet.plugins.plugin_utils.drift.comparison import Comparison
from ansible_collections.spire.fleet.plugins.plugin_utils.enrolment.targets import Targets, healthy_servers
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from tests.unit.builders.fleets import fleet
from tests.unit.builders.observed import AGENT_ID, NOW, SERVER, converged

ALLOWED = {"spire_allow": ["memory_keys", "any_hostname"]}
IDLE = {"state": "inactive", "running": False, "healthy": False, "enabled": True, "reload": False, "pid": 0}


def attestor(name: str, **data: Any) -> dict[str, Any]:
    return {"plugins": {"NodeAttestor": {name: {"plugin_data": data}}}}


def agent(name: str, keys: str = "disk", server: dict[str, Any] | None = None, **data: Any) -> Plan:
    """Returns the plan of an agent whose only server has the same attestor, with the options in ``server``."""
    tree = attestor(name, **data)
    if keys == "memory":
        tree["plugins"]["KeyManager"] = {"memory": {"plugin_data": {}}}
    made = fleet(ALLOWED, a1={"spire_agent_config": tree}, s1={"spire_server_config": attestor(name, **(server or {}))})
    return plan("agent", "a1", made)


def look_at(made: Plan, **observed: Any) -> Comparison:
    return compare(made, {**converged(made), **observed}, SERVER, NOW)


@pytest.mark.parametrize(("name", "server", "once"), [
    ("join_token", {}, True), ("aws_iid", {}, True), ("gcp_iit", {}, True), ("azure_msi", {}, True), ("azure_imds", {}, True),
    ("k8s_sat", {}, True), ("http_challenge", {}, True), ("http_challenge", {"tofu": True}, True),
    ("http_challenge", {"tofu": False, "required_port": 80}, False), ("x509pop", {}, False), ("sshpop", {}, False), ("tpm_devid", {}, False),
    ("k8s_psat", {}, False),
])
def test_who_attests_once(name: str, server: dict[str, Any], once: bool) -> None:
    made = agent(name, server=server)
    assert made.attests_once == once
    without_identity = look_at(made, identity={"chain": [], "key": True})
    assert without_identity.enrol and without_identity.evict == (once and name != "join_token") and without_identity.token == (name == "join_token")
    assert agent(name, "memory", server).loses_identity_on_restart == once and not made.loses_identity_on_restart


def test_servers_elsewhere_are_nobody_to_ask() -> None:
    more = {"spire_server_address": "spire.acme.com", "spire_trust_bundle": "PEM", "spire_agent_config": attestor("aws_iid")}
    made = plan("agent", "a1", fleet(more, servers=()))
    assert made.attests_once and not look_at(made, identity={"chain": [], "key": True}).evict


@pytest.mark.parametrize("name", ["join_token", "http_challenge", "x509pop"])
def test_keys_in_memory_and_a_restart(name: str) -> None:
    made = agent(name, "memory")
    assert look_at(made).differences == []
    for observed in ({"started_with_old_files": ["/etc/spire/agent/main.conf"]}, {"service": IDLE}, {"answers": False}):
        found = look_at(made, **observed)
        assert found.start or found.restart
        assert found.enrol == (name != "x509pop") and found.evict == (name == "http_challenge") and found.token == (name == "join_token")
        assert ("bundle" in found.files) == found.enrol
        shown = [part["before"] for part in found.diffs if part["before_header"] == "enrolment"]
        assert shown == (["the agent keeps its key in memory, which a restart loses\n"] if found.enrol else [])
        # An agent with its keys on disk keeps its identity.
        assert not look_at(agent(name), **observed).enrol


def test_whom_a_server_must_forget() -> None:
    """The targets name the SPIFFE IDs on the hosts, those that the attestor gives by host name, and the entries with the agents' aliases."""
    own = {"spire_agent_config": attestor("http_challenge", hostname="web1")}
    made = fleet(ALLOWED, agents=("a1", "a2"), groups={"web": ["a2"]}, a1=own)
    (found,) = Targets(made).evictions({"a1": "", "a2": AGENT_ID})
    claimed = "spiffe://prod.acme.com/spire/agent/http_challenge/web1"
    assert (found["server"], found["ids"], found["claimed"]) == ("s1", [AGENT_ID], [claimed])
    assert [entry.rpartition(".")[0] for entry in found["entries"]] == [
        "fleet.alias.spire_agents.a1", "fleet.alias.spire_agents.a2", "fleet.alias.web.a2",
    ]
    assert Targets(made).evictions({}) == []
    # Decommissioned agents have the same entries to delete.
    (left,) = Targets(made).decommissions({"a1": "", "a2": AGENT_ID})
    assert (left["server"], left["ids"], left["entries"]) == ("s1", [AGENT_ID], found["entries"])


def test_any_healthy_server_of_a_group_is_asked() -> None:
    made = fleet(ALLOWED, servers=("s1", "s2"), agents=("a1",))
    assert [target["server"] for target in Targets(made).candidates(["a1"])] == ["s1", "s2"]
    assert [target["server"] for target in Targets(made).of_hosts(["a1"])] == ["s1"]
    results = [
        {"item": {"group": "spire_servers", "server": "s1"}, "unreachable": True},
        {"item": {"group": "spire_servers", "server": "s2"}, "healthy": True},
    ]
    asked = Targets(made, healthy_servers(results))
    assert [target["server"] for target in asked.of_hosts(["a1"])] == ["s2"]
    assert [target["server"] for target in asked.join_tokens(["a1"], 60)] == ["s2"]


def test_a_server_alone_is_asked_without_a_question_before() -> None:
    assert Targets(fleet(ALLOWED)).candidates(["a1", "s1"]) == []


def test_a_person_may_confirm_that_an_unknown_agent_is_replaced() -> None:
    own = {"spire_agent_config": attestor("http_challenge", hostname="web1"), "spire_replace_unknown_agent": True}
    (found,) = Targets(fleet(ALLOWED, a1=own)).evictions({"a1": ""})
    assert found["ids"] == found["claimed"] == ["spiffe://prod.acme.com/spire/agent/http_challenge/web1"]
