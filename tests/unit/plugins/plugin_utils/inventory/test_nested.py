# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tiers of servers: what a nested one is planned to be, in which order they come up, and what lets them have their CAs signed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.spire.fleet.plugins.plugin_utils.enrolment.targets import downstream_decommission_targets
from ansible_collections.spire.fleet.plugins.plugin_utils.entries import desired as desired_entries
from ansible_collections.spire.fleet.plugins.plugin_utils.host import systemd
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory import nested
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules import run as rules_run
from tests.unit.builders.fleets import DOMAIN, fleet

GROUPS = {"edges": ["edge1"], "hubs": ["hub1", "hub2"], "roots": ["root1"]}
IDS = {name: f"spiffe://{DOMAIN}/spire/agent/{name}" for name in ("hub1", "hub2", "edge1-agent", "leaf1")}
PLAYBOOKS = Path(__file__).resolve().parents[5] / "playbooks"


def tiers(common: dict[str, Any] | None = None, **more: dict[str, Any]) -> Fleet:
    """Three tiers, the lowest first in the inventory. Hubs are agents of the root by the same host, edge1 is one of hubs by another."""
    shared = {"DataStore": {"sql": {"plugin_data": {"database_type": "postgres", "connection_string": "host=db password=a-4711"}}}}
    hub = {"spire_server_group": "hubs", "spire_upstream_server_group": "roots", "spire_server_config": {"plugins": shared}}
    hosts: dict[str, dict[str, Any]] = {
        "root1": {"spire_server_group": "roots", "ansible_host": "192.0.2.1", "spire_server_config": {"server": {"bind_port": 9443}}},
        "hub1": {**hub, "ansible_host": "192.0.2.11"},
        "hub2": {**hub, "ansible_host": "192.0.2.12"},
        "edge1": {"spire_server_group": "edges", "spire_upstream_server_group": "hubs", "ansible_host": "192.0.2.21"},
        "edge1-agent": {"spire_server_group": "hubs", "ansible_host": "192.0.2.21"},
        "leaf1": {"spire_server_group": "edges"},
    }
    return fleet(
        common, ("edge1", "hub1", "hub2", "root1"), ("leaf1", "edge1-agent", "hub2", "hub1"), GROUPS,
        **{name: {**values, **more.get(name, {})} for name, values in hosts.items()},
    )


def upstream(planned: Plan) -> dict[str, Any]:
    return planned.plugin_data("UpstreamAuthority", "spire")


def test_the_fleet_is_sound() -> None:
    assert rules_run.of_fleet(tiers()) == []


@pytest.mark.parametrize(("server", "address", "port"), [("hub1", "192.0.2.1", "9443"), ("edge1", "192.0.2.11", "8081")])
def test_a_nested_server_follows_the_first_one_above_it(server: str, address: str, port: str) -> None:
    assert upstream(plan("server", server, tiers())) == {
        "server_address": address, "server_port": port, "workload_api_socket": "/run/spire/agent/sockets/main/public/api.sock",
    }


def test_the_address_at_which_agents_reach_them_is_the_nested_servers_too() -> None:
    made = tiers(root1={"spire_server_address": "root.acme.com"}, hub1={"spire_server_address": "hub.acme.com"})
    assert upstream(plan("server", "hub1", made))["server_address"] == "root.acme.com"
    assert upstream(plan("server", "edge1", made))["server_address"] == "hub.acme.com"
    # of hub1 it is the server's, and the agent on the same host is the root's
    assert plan("agent", "hub1", made).main["server_address"] == "root.acme.com"


def test_the_socket_is_the_one_of_the_agent_on_the_machine() -> None:
    made = tiers(**{"edge1-agent": {"spire_agent_instance": "up"}})
    assert upstream(plan("server", "edge1", made))["workload_api_socket"] == "/run/spire/agent/sockets/up/public/api.sock"


def test_the_tree_has_the_last_word() -> None:
    own = {"plugins": {"UpstreamAuthority": {"spire": {"plugin_data": {"server_address": "vip.acme.com"}}}}}
    made = tiers(edge1={"spire_server_config": own})
    assert upstream(plan("server", "edge1", made))["server_address"] == "vip.acme.com"
    assert rules_run.of_fleet(made) == []


def test_a_root_for_all_servers_is_only_the_top_ones() -> None:
    made = tiers({"spire_pki": "controller", "spire_pki_passphrase": "of-the-test-4711", "spire_pki_path_length": 3})
    assert plan("server", "root1", made).upstream is not None
    below = plan("server", "hub1", made)
    assert below.upstream is None and set(below.plugins("UpstreamAuthority")) == {"spire"}


def test_the_oldest_releases_call_it_otherwise() -> None:
    tree = plan("server", "edge1", tiers({"spire_version": "0.9.4"})).tree
    assert set(tree["plugins"]["UpstreamCA"]) == {"spire"} and tree["server"]["upstream_bundle"] is True


def test_a_nested_servers_unit_starts_after_its_agent() -> None:
    def after(server: str, **more: dict[str, Any]) -> str:
        made = plan("server", server, tiers(**more))
        return next(line for line in systemd.unit(made.paths, made.needs, made.socket).splitlines() if line.startswith("After="))

    assert after("root1") == "After=network-online.target time-sync.target"
    assert after("hub1") == "After=network-online.target time-sync.target spire-agent@main.service"
    second = {"edge1-agent": {"spire_agent_instance": "up"}}
    assert after("edge1", **second) == "After=network-online.target time-sync.target spire-agent@up.service"


def test_the_order_is_from_the_top_and_each_server_comes_after_its_agent() -> None:
    assert nested.order(tiers()) == ["hub1", "hub2", "edge1-agent", "edge1"]
    assert nested.order(fleet()) == []


def test_ten_tiers_come_in_their_order() -> None:
    names = tuple(f"s{number}" for number in range(10))
    hosts = {name: {"spire_server_group": f"g{name}", "spire_upstream_server_group": f"gs{number}"} for number, name in enumerate(names[1:])}
    hosts["s0"] = {"spire_server_group": "gs0"}
    made = fleet(None, names[::-1], names[1:], {f"g{name}": [name] for name in names}, **hosts)
    assert rules_run.of_fleet(made) == []
    assert nested.order(made) == list(names[1:])


def test_a_circle_has_an_order_all_the_same() -> None:
    made = tiers(root1={"spire_upstream_server_group": "edges"})
    assert sorted(nested.order(made)) == ["edge1", "edge1-agent", "hub1", "hub2", "root1"]
    assert nested.parent_servers("hub1", made) == []


def test_an_entry_is_for_exactly_the_agents_beside_the_servers_below() -> None:
    made = tiers()
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
    made = tiers(edge1={"spire_server_user": "edge"})
    (entry,) = desired_entries.of_nested(plan("server", "hub1", made), made, "hubs", IDS)
    assert entry["selectors"] == ["unix:user:edge"]


def test_an_agent_of_unknown_identity_has_no_entry() -> None:
    made = tiers()
    assert desired_entries.of_nested(plan("server", "hub1", made), made, "hubs", {"edge1-agent": ""}) == []


@pytest.mark.parametrize(("release", "ttl"), [("1.11.3", 172800), ("1.12.0", None)])
def test_before_1_12_the_entry_says_how_long_the_ca_lives(release: str, ttl: int | None) -> None:
    made = tiers({"spire_version": release}, edge1={"spire_server_config": {"server": {"ca_ttl": "48h"}}})
    (entry,) = desired_entries.of_nested(plan("server", "hub1", made), made, "hubs", IDS)
    assert entry.get("x509_svid_ttl") == ttl


def test_what_servers_leave_above_them() -> None:
    made = tiers()
    found = downstream_decommission_targets(made, ["edge1", "hub2", "root1"])
    assert [(one["group"], one["server"], one["entries"]) for one in found] == [
        ("hubs", "hub1", [desired_entries.downstream_id("edge1", "edge1-agent")]),
        ("roots", "root1", [desired_entries.downstream_id("hub2", "hub2")]),
    ]
    assert desired_entries.downstream_id("edge1", "edge1-agent") in desired_entries.ids_of_agent(made, "edge1-agent")
    assert not [one for one in desired_entries.ids_of_agent(made, "leaf1") if "downstream" in one]


def ansible(tmp_path: Path, playbook: Path, inventory: dict[str, Any], *more: str) -> str:
    """What a run over an inventory prints; no host is touched."""
    (tmp_path / "inventory.yml").write_text(yaml.safe_dump(inventory, sort_keys=False), encoding="utf-8")
    argv = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "inventory.yml", *more, str(playbook)]
    environment = {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_STDOUT_CALLBACK": "default"}
    environment.pop("ANSIBLE_CONFIG", None)
    done = subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0 and "WARNING" not in done.stderr, done.stdout + done.stderr
    return done.stdout


def gone_through(tmp_path: Path, playbook: str, inventory: dict[str, Any], *more: str) -> dict[str, list[str]]:
    """The hosts of each play of ours in the order in which they have their turn."""
    plays = yaml.safe_load((PLAYBOOKS / playbook).read_text(encoding="utf-8"))
    task = {"ansible.builtin.debug": {"msg": "{{ inventory_hostname }}"}}
    turns = [{**{key: play[key] for key in ("name", "hosts", "strategy")}, "gather_facts": False, "serial": 1, "tasks": [task]} for play in plays]
    (tmp_path / "turns.yml").write_text(yaml.safe_dump(turns, sort_keys=False), encoding="utf-8")
    found: dict[str, list[str]] = {}
    for line in ansible(tmp_path, tmp_path / "turns.yml", inventory, *more).splitlines():
        if line.startswith("PLAY ["):
            name = line[len("PLAY ["):].rpartition("]")[0]
            found.setdefault(name, [])
        elif line.startswith("ok: ["):
            found[name].append(line[len("ok: ["):].partition("]")[0])
    return found


def hosts(*names: str, **variables: str) -> dict[str, Any]:
    return {"hosts": dict.fromkeys(names), "vars": variables}


NESTED_PLAY = "Nested SPIRE servers, one at a time, each after the agent that it has its identity from"
DEEP = {
    "all": {"vars": {"spire_trust_domain": DOMAIN}},
    "edges": hosts("edge1", spire_server_group="edges", spire_upstream_server_group="hubs"),
    "hubs": hosts("hub1", spire_server_group="hubs", spire_upstream_server_group="roots"),
    "roots": hosts("root1", spire_server_group="roots"),
    "spire_servers": {"children": {"edges": None, "hubs": None, "roots": None}},
    "spire_agents": {"hosts": {"leaf1": {"spire_server_group": "edges"}}, "children": {"edges": None, "hubs": None}},
}
FLAT = {"spire_servers": hosts("s1"), "spire_agents": hosts("a1", "a2")}


def test_site_goes_down_the_tiers(tmp_path: Path) -> None:
    plays = gone_through(tmp_path, "site.yml", DEEP)
    del plays["Check the whole inventory before any host is touched"]
    assert list(plays.items()) == [
        ("Hosts that may have something of a CA that is gone from the controller", []),
        ("SPIRE servers, one at a time", ["root1"]),
        (NESTED_PLAY, ["hub1", "edge1"]),
        ("SPIRE agents", ["leaf1"]),
        ("Registration entries", plays["Registration entries"]),
    ]
    assert sorted(plays["Registration entries"]) == ["edge1", "hub1", "leaf1", "root1"]


def test_decommission_goes_up_the_tiers(tmp_path: Path) -> None:
    plays = list(gone_through(tmp_path, "decommission.yml", DEEP).values())
    assert plays[1:] == [["leaf1"], ["edge1", "hub1"], ["root1"]]


def test_a_fleet_without_tiers_has_the_plays_that_it_had(tmp_path: Path) -> None:
    assert list(gone_through(tmp_path, "site.yml", FLAT).values())[2:5] == [["s1"], [], ["a1", "a2"]]
    assert list(gone_through(tmp_path, "decommission.yml", FLAT).values())[1:] == [["a1", "a2"], [], ["s1"]]


def test_a_limit_holds_in_every_play(tmp_path: Path) -> None:
    assert list(gone_through(tmp_path, "site.yml", DEEP, "--limit", "edge1").values()) == [["edge1"], [], [], ["edge1"], [], ["edge1"]]
    assert list(gone_through(tmp_path, "site.yml", FLAT, "--limit", "a1").values()) == [["a1"], [], [], [], ["a1"], ["a1"]]


def test_ansible_lists_the_hosts_of_plays(tmp_path: Path) -> None:
    """It has no variables of hosts for that, so that all servers are listed together."""
    text = ansible(tmp_path, PLAYBOOKS / "site.yml", DEEP, "--list-hosts")
    assert [line.strip() for line in text.splitlines() if line.startswith("    hosts (")] == [
        "hosts (4):", "hosts (0):", "hosts (3):", "hosts (0):", "hosts (3):", "hosts (4):",
    ]
