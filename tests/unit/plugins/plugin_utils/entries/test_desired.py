# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which entries of a server the inventory wants, and which a run may delete."""

from __future__ import annotations

from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.entries import desired
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from tests.unit.builders.fleets import fleet

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
