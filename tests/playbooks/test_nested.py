# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The order in which the plays of site and decommission work on nested servers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.support import collection, playbook_run

DOMAIN = "prod.acme.com"
PLAYBOOKS = collection.REPO / "playbooks"


def printed(tmp_path: Path, playbook: Path, inventory: dict[str, Any], *more: str) -> str:
    """Returns what a run over an inventory prints; no host is touched."""
    (tmp_path / "inventory.yml").write_text(yaml.safe_dump(inventory, sort_keys=False), encoding="utf-8")
    done = playbook_run.ansible(tmp_path, "-i", "inventory.yml", *more, str(playbook))
    assert done.returncode == 0 and "WARNING" not in done.stderr, done.stdout + done.stderr
    return done.stdout


def gone_through(tmp_path: Path, playbook: str, inventory: dict[str, Any], *more: str) -> dict[str, list[str]]:
    """Returns the hosts of each play of one of the collection's playbooks, in the order in which the play works on them."""
    plays = yaml.safe_load((PLAYBOOKS / playbook).read_text(encoding="utf-8"))
    task = {"ansible.builtin.debug": {"msg": "{{ inventory_hostname }}"}}
    turns = [{**{key: play[key] for key in ("name", "hosts", "strategy")}, "gather_facts": False, "serial": 1, "tasks": [task]} for play in plays]
    (tmp_path / "turns.yml").write_text(yaml.safe_dump(turns, sort_keys=False), encoding="utf-8")
    found: dict[str, list[str]] = {}
    for line in printed(tmp_path, tmp_path / "turns.yml", inventory, *more).splitlines():
        if line.startswith("PLAY ["):
            name = line[len("PLAY ["):].rpartition("]")[0]
            found.setdefault(name, [])
        elif line.startswith("ok: ["):
            found[name].append(line[len("ok: ["):].partition("]")[0])
    return found


def working(plays: dict[str, list[str]]) -> list[list[str]]:
    """Returns the hosts of the plays that have any."""
    return [found for found in plays.values() if found]


def hosts(*names: str, **variables: str) -> dict[str, Any]:
    return {"hosts": dict.fromkeys(names), "vars": variables}


NESTED_PLAY = "Nested SPIRE servers, one at a time, each after the agent that it gets its identity from"
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
        ("Hosts that may hold certificates of a CA that is missing on the controller", []),
        ("Check of the SPIRE servers", ["root1"]),
        ("Agents of servers without a datastore", []),
        ("SPIRE servers, one at a time", ["root1"]),
        ("Parent servers that answer", ["hub1", "edge1"]),
        (NESTED_PLAY, ["hub1", "edge1"]),
        ("Servers that answer", []),
        ("Check of the SPIRE agents", ["leaf1"]),
        ("SPIRE agents", ["leaf1"]),
        ("Registration entries", plays["Registration entries"]),
        ("Servers that were left alone", []),
    ]
    assert sorted(plays["Registration entries"]) == ["edge1", "hub1", "leaf1", "root1"]


def test_decommission_goes_up_the_tiers(tmp_path: Path) -> None:
    plays = gone_through(tmp_path, "decommission.yml", DEEP)
    assert working(plays)[1:] == [["leaf1"], ["edge1", "hub1"], ["root1"]]


def test_a_fleet_without_tiers_has_the_plays_that_it_had(tmp_path: Path) -> None:
    """The plays for nested servers and for groups of several servers have no hosts, and cost nothing."""
    assert working(gone_through(tmp_path, "site.yml", FLAT))[1:] == [["s1"], ["s1"], ["a1", "a2"], ["a1", "a2"], ["s1", "a1", "a2"]]
    assert working(gone_through(tmp_path, "decommission.yml", FLAT))[1:] == [["a1", "a2"], ["s1"]]


def after_the_check(tmp_path: Path, **found: dict[str, Any]) -> dict[str, list[str]]:
    """Returns the plays of site over three servers of one group and an agent, where the check of the servers has found this."""
    servers = {name: {"spire_server_drift": found[name]} if name in found else {} for name in ("s1", "s2", "s3")}
    inventory = {"all": {"vars": {"spire_trust_domain": DOMAIN}}, "spire_servers": {"hosts": servers}, "spire_agents": hosts("a1")}
    return gone_through(tmp_path, "site.yml", inventory)


MATCHES = {"differs": False, "healthy": True, "datastore": True}
DIFFERS = {**MATCHES, "differs": True}
BARE = {"differs": True, "healthy": False, "datastore": False}
UNREACHABLE = {"unreachable": True, "msg": "no route to host"}
ONE_BY_ONE, ANSWER, ALONE = "SPIRE servers, one at a time", "Servers that answer", "Servers that were left alone"


def test_only_servers_that_differ_are_changed(tmp_path: Path) -> None:
    plays = after_the_check(tmp_path, s1=MATCHES, s2=BARE, s3=DIFFERS)
    assert (plays["Check of the SPIRE servers"], plays[ONE_BY_ONE], plays[ALONE]) == (["s1", "s2", "s3"], ["s2", "s3"], [])


def test_only_agents_that_differ_are_changed(tmp_path: Path) -> None:
    agents = {"a1": {"spire_agent_drift": MATCHES}, "a2": {"spire_agent_drift": DIFFERS}, "a3": {}}
    plays = gone_through(tmp_path, "site.yml", {"spire_servers": hosts("s1"), "spire_agents": {"hosts": agents}})
    assert (plays["Check of the SPIRE agents"], plays["SPIRE agents"]) == (["a1", "a2", "a3"], ["a2", "a3"])


def test_servers_are_asked_who_answers_only_where_none_is_known_to_be_healthy(tmp_path: Path) -> None:
    assert sorted(after_the_check(tmp_path)[ANSWER]) == ["a1", "s1", "s2", "s3"]
    assert sorted(after_the_check(tmp_path, s1=BARE, s2=BARE, s3=BARE)[ANSWER]) == ["a1", "s1", "s2", "s3"]
    assert after_the_check(tmp_path, s1=BARE, s2=MATCHES, s3=BARE)[ANSWER] == []


def test_an_unreachable_server_is_left_alone_while_another_one_is_there(tmp_path: Path) -> None:
    plays = after_the_check(tmp_path, s1=UNREACHABLE, s2=DIFFERS, s3=MATCHES)
    assert (plays[ONE_BY_ONE], plays[ALONE]) == (["s2"], ["s1"])
    plays = after_the_check(tmp_path, s1=UNREACHABLE, s2=UNREACHABLE, s3=UNREACHABLE)
    assert (plays[ONE_BY_ONE], plays[ALONE]) == (["s1", "s2", "s3"], [])


def test_agents_are_asked_for_their_identities_where_their_server_has_lost_its_datastore(tmp_path: Path) -> None:
    asked = "Agents of servers without a datastore"
    inventory = {"spire_servers": {"hosts": {"s1": {"spire_server_drift": BARE}}}, "spire_agents": hosts("a1", "a2")}
    assert gone_through(tmp_path, "site.yml", inventory)[asked] == ["a1", "a2"]
    inventory["spire_servers"]["hosts"]["s1"]["spire_server_drift"] = MATCHES
    assert gone_through(tmp_path, "site.yml", inventory)[asked] == []


def test_a_limit_holds_in_every_play(tmp_path: Path) -> None:
    assert working(gone_through(tmp_path, "site.yml", DEEP, "--limit", "edge1")) == [["edge1"]] * 4
    assert working(gone_through(tmp_path, "site.yml", FLAT, "--limit", "a1")) == [["a1"]] * 4


def test_ansible_lists_the_hosts_of_plays(tmp_path: Path) -> None:
    """--list-hosts lists all servers in all plays, because Ansible knows no variables of hosts then."""
    text = printed(tmp_path, PLAYBOOKS / "site.yml", DEEP, "--list-hosts")
    assert [line.strip() for line in text.splitlines() if line.startswith("    hosts (")] == [
        f"hosts ({number}):" for number in (4, 0, 3, 0, 3, 0, 0, 0, 3, 3, 4, 0)
    ]
