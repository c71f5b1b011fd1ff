# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which entries of a server the inventory wants, and which a run may delete."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.spire.fleet.plugins.plugin_utils.entries import desired
from ansible_collections.spire.fleet.plugins.plugin_utils.entries.desired import alias_id, ids_of_agent, of_agents, of_inventory
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from tests.unit.builders.fleets import fleet, planned
from tests.unit.builders.observed import AGENT_ID

ENTRY = {"spiffe_id": "/web", "parent_id": "/fleet/web", "selectors": ["unix:uid:1"]}
ID = "spiffe://prod.acme.com/spire/agent/join_token/1"


def made(**variables: Any) -> Fleet:
    return fleet({"spire_entries": [ENTRY], **variables}, agents=("a1", "a2"), groups={"web": ["a1"]})


def purge(inventory: Fleet, *hosts: str) -> dict[str, Any]:
    return desired.purge(desired.first_server(inventory, "spire_servers"), inventory, "spire_servers", {"a1": ID, "a2": ""}, hosts)


def test_a_whole_run_deletes_whatever_the_inventory_does_not_want() -> None:
    found = purge(made(), "s1", "a1", "a2")
    assert "parents" not in found and (found["prefix"], found["confirmed"]) == ("fleet.", False)
    # Agents whose identity is not known keep their aliases.
    assert set(found["keep"]) == {
        "fleet.canary", *(entry["entry_id"] for entry in desired.of_inventory(desired.first_server(made(), "spire_servers"))),
        desired.alias_id("spire_agents", "a1"), desired.alias_id("spire_agents", "a2"), desired.alias_id("web", "a1"),
    }


def test_a_limited_run_deletes_what_hangs_on_its_own_agents() -> None:
    assert purge(made(), "a1")["parents"] == [ID]


def test_it_can_be_switched_off() -> None:
    assert purge(made(spire_entries_purge=False), "s1", "a1", "a2") == {}


def test_every_server_of_a_group_has_the_entries_of_the_first_one() -> None:
    inventory = fleet(servers=("s1", "s2"), s1={"spire_entries": [ENTRY]}, s2={"spire_entries": []})
    assert "/web" in str(desired.of_inventory(desired.first_server(inventory, "spire_servers")))


def test_ids_of_entries_stay() -> None:
    made = planned("server", {"spire_entries": [
        {"spiffe_id": "/web", "parent_id": "/fleet/web", "selectors": ["unix:uid:33"], "hint": "one"},
        {"spiffe_id": "/web", "parent_id": "/fleet/web", "selectors": ["unix:uid:34"]},
        {"spiffe_id": "spiffe://prod.acme.com/we-b", "parent_id": "/fleet/web", "selectors": ["unix:uid:34"]},
    ]})
    one, two, three, last = of_inventory(made)
    # The ID must never change, because another one would make every fleet create its entries again.
    assert one["entry_id"] == "fleet.entry.web.b5c78a1b"
    assert two["entry_id"] == one["entry_id"] + ".2"
    assert three["entry_id"].startswith("fleet.entry.we-b.")
    assert last["entry_id"] == "fleet.canary"
    assert [entry["spiffe_id"] for entry in (one, three)] == ["spiffe://prod.acme.com/web", "spiffe://prod.acme.com/we-b"]
    changed = planned("server", {"spire_entries": [
        {"spiffe_id": "/web", "parent_id": "/fleet/web", "selectors": ["unix:uid:99"], "hint": "other"},
    ]})
    assert of_inventory(changed)[0]["entry_id"] == one["entry_id"]


@pytest.mark.parametrize("extra_variables", [{}, {"spire_canary": None}, {"spire_canary": ""}, {"spire_canary": True}])
def test_servers_outside_of_the_inventory_have_a_canary_only_when_it_is_set(extra_variables: dict[str, Any]) -> None:
    made = plan("agent", "a1", fleet({"spire_server_address": "spire.acme.com", "spire_trust_bundle": "PEM", **extra_variables}, servers=()))
    assert made.canary == ("spiffe://prod.acme.com/fleet-canary" if extra_variables.get("spire_canary") else "")


@given(st.text(max_size=300), st.text(max_size=300))
def test_ids_are_what_spire_takes(group: str, host: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,255}", alias_id(group, host))


def test_aliases_are_of_the_groups_that_entries_name() -> None:
    made = fleet(
        {"spire_entries": [{"spiffe_id": "/web", "parent_id": "/fleet/web", "selectors": ["unix:uid:33"]}]},
        agents=("a1", "a2"), groups={"web": ["a2", "s1"], "db": ["a1"]},
    )
    server = plan("server", "s1", made)
    found = of_agents(server, made, "spire_servers", {"a1": AGENT_ID, "a2": AGENT_ID, "s1": AGENT_ID})
    assert [(entry["spiffe_id"], entry["entry_id"]) for entry in found] == [
        ("spiffe://prod.acme.com/fleet/spire_agents", alias_id("spire_agents", "a1")),
        ("spiffe://prod.acme.com/fleet/spire_agents", alias_id("spire_agents", "a2")),
        ("spiffe://prod.acme.com/fleet/web", alias_id("web", "a2")),
    ]
    assert all(entry["selectors"] == [{"type": "spiffe_id", "value": AGENT_ID}] for entry in found)
    assert alias_id("web", "a2") in ids_of_agent(made, "a2") and alias_id("web", "a2") not in ids_of_agent(made, "a1")
    assert of_agents(server, made, "spire_servers", {"a1": ""}) == []
    assert of_agents(server, made, "other", {"a1": AGENT_ID}) == []
