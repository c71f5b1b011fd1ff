# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nested servers: their plans, the order of their installation, and the entries that let them have their CAs signed."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.enrolment.targets import Targets
from ansible_collections.spire.fleet.plugins.plugin_utils.entries import desired as desired_entries
from ansible_collections.spire.fleet.plugins.plugin_utils.host import systemd
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory import nested
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules import run as rules_run
from tests.unit.builders.fleets import DOMAIN, fleet
from tests.unit.builders.nested_fleets import GROUPS, nested_fleet

IDS = {name: f"spiffe://{DOMAIN}/spire/agent/{name}" for name in ("hub1", "hub2", "edge1-agent", "leaf1")}


def upstream(planned: Plan) -> dict[str, Any]:
    return planned.plugin_data("UpstreamAuthority", "spire")


def test_the_fleet_is_sound() -> None:
    assert rules_run.of_fleet(nested_fleet()) == []


@pytest.mark.parametrize(("server", "address", "port"), [("hub1", "192.0.2.1", "9443"), ("edge1", "192.0.2.11", "8081")])
def test_a_nested_server_follows_the_first_one_above_it(server: str, address: str, port: str) -> None:
    assert upstream(plan("server", server, nested_fleet())) == {
        "server_address": address, "server_port": port, "workload_api_socket": "/run/spire/agent/sockets/main/public/api.sock",
    }


def test_the_address_at_which_agents_reach_them_is_the_nested_servers_too() -> None:
    made = nested_fleet(root1={"spire_server_address": "root.acme.com"}, hub1={"spire_server_address": "hub.acme.com"})
    assert upstream(plan("server", "hub1", made))["server_address"] == "root.acme.com"
    assert upstream(plan("server", "edge1", made))["server_address"] == "hub.acme.com"
    # The address in hub1's variables is that of its server. The agent on the same host belongs to the root server.
    assert plan("agent", "hub1", made).main["server_address"] == "root.acme.com"


def test_the_socket_is_the_one_of_the_agent_on_the_machine() -> None:
    made = nested_fleet(**{"edge1-agent": {"spire_agent_instance": "up"}})
    assert upstream(plan("server", "edge1", made))["workload_api_socket"] == "/run/spire/agent/sockets/up/public/api.sock"


def test_the_tree_has_the_last_word() -> None:
    own = {"plugins": {"UpstreamAuthority": {"spire": {"plugin_data": {"server_address": "vip.acme.com"}}}}}
    made = nested_fleet(edge1={"spire_server_config": own})
    assert upstream(plan("server", "edge1", made))["server_address"] == "vip.acme.com"
    assert rules_run.of_fleet(made) == []


def test_a_root_for_all_servers_is_only_the_top_ones() -> None:
    made = nested_fleet({"spire_pki": "controller", "spire_pki_passphrase": "of-the-test-4711", "spire_pki_path_length": 3})
    assert plan("server", "root1", made).upstream is not None
    below = plan("server", "hub1", made)
    assert below.upstream is None and set(below.plugins("UpstreamAuthority")) == {"spire"}


def test_the_oldest_releases_call_it_otherwise() -> None:
    tree = plan("server", "edge1", nested_fleet({"spire_version": "0.9.4"})).tree
    assert set(tree["plugins"]["UpstreamCA"]) == {"spire"} and tree["server"]["upstream_bundle"] is True


def test_a_nested_servers_unit_starts_after_its_agent() -> None:
    def after(server: str, **more: dict[str, Any]) -> str:
        made = plan("server", server, nested_fleet(**more))
        return next(line for line in systemd.unit(made.paths, made.needs, made.socket).splitlines() if line.startswith("After="))

    assert after("root1") == "After=network-online.target time-sync.target"
    assert after("hub1") == "After=network-online.target time-sync.target spire-agent@main.service"
    second = {"edge1-agent": {"spire_agent_instance": "up"}}
    assert after("edge1", **second) == "After=network-online.target time-sync.target spire-agent@up.service"


def test_the_order_is_from_the_top_and_each_server_comes_after_its_agent() -> None:
    assert nested.startup_order(nested_fleet()) == ["hub1", "hub2", "edge1-agent", "edge1"]
    assert nested.startup_order(fleet()) == []


def test_ten_tiers_come_in_their_order() -> None:
    names = tuple(f"s{number}" for number in range(10))
    hosts = {name: {"spire_server_group": f"g{name}", "spire_upstream_server_group": f"gs{number}"} for number, name in enumerate(names[1:])}
    hosts["s0"] = {"spire_server_group": "gs0"}
    made = fleet(None, names[::-1], names[1:], {f"g{name}": [name] for name in names}, **hosts)
    assert rules_run.of_fleet(made) == []
    assert nested.startup_order(made) == list(names[1:])


def test_a_circle_has_an_order_all_the_same() -> None:
    made = nested_fleet(root1={"spire_upstream_server_group": "edges"})
    assert sorted(nested.startup_order(made)) == ["edge1", "edge1-agent", "hub1", "hub2", "root1"]
    assert nested.parent_servers("hub1", made) == []


def test_an_entry_is_for_exactly_the_agents_beside_the_servers_below() -> None:
    made = nested_fleet()
    below = {group: desired_entries.of_nested(plan("server", GROUPS[group][0], made), made, group, IDS) for group in GROUPS}
    assert [(entry["spiffe_id"], entry["parent_id"]) for entry in below["roots"]] == [
        (f"spiffe://{DOMAIN}/fleet-downstream/hub1", IDS["hub1"]), (f"spiffe://{DOMAIN}/fleet-downstream/hub2", IDS["hub2"]),
    ]
    (entry,) = below["hubs"]
    assert entry == {
        "entry_id": desired_entries.downstream_id("edge1", "edge1-agent"), "spiffe_id": f"spiffe://{DOMAIN}/fleet-downstream/edge1",
        "parent_id": IDS["edge1-agent"], "selectors": ["unix:user:spire-server"], "downstream": True,
    }
    assert below["edges"] == []


def test_the_entry_is_for_the_servers_own_user() -> None:
    made = nested_fleet(edge1={"spire_server_user": "edge"})
    (entry,) = desired_entries.of_nested(plan("server", "hub1", made), made, "hubs", IDS)
    assert entry["selectors"] == ["unix:user:edge"]


def test_an_agent_of_unknown_identity_has_no_entry() -> None:
    made = nested_fleet()
    assert desired_entries.of_nested(plan("server", "hub1", made), made, "hubs", {"edge1-agent": ""}) == []


@pytest.mark.parametrize(("release", "ttl"), [("1.11.3", 172800), ("1.12.0", None)])
def test_before_1_12_the_entry_says_how_long_the_ca_lives(release: str, ttl: int | None) -> None:
    made = nested_fleet({"spire_version": release}, edge1={"spire_server_config": {"server": {"ca_ttl": "48h"}}})
    (entry,) = desired_entries.of_nested(plan("server", "hub1", made), made, "hubs", IDS)
    assert entry.get("x509_svid_ttl") == ttl


def test_what_servers_leave_above_them() -> None:
    made = nested_fleet()
    found = Targets(made).downstream_decommissions(["edge1", "hub2", "root1"])
    assert [(one["group"], one["server"], one["entries"]) for one in found] == [
        ("hubs", "hub1", [desired_entries.downstream_id("edge1", "edge1-agent")]),
        ("roots", "root1", [desired_entries.downstream_id("hub2", "hub2")]),
    ]
    assert desired_entries.downstream_id("edge1", "edge1-agent") in desired_entries.ids_of_agent(made, "edge1-agent")
    assert not [one for one in desired_entries.ids_of_agent(made, "leaf1") if "downstream" in one]
