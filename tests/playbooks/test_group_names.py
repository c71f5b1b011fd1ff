# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An inventory whose groups have wrong names is an error, instead of a run that does nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.inventory import groups as inventory_groups
from tests.support.authorities import PASSPHRASE, make
from tests.support.playbook_run import run

PLAYBOOKS = ["site", "verify", "decommission", "rotate_upstream", "rotate_authority", "upstream_check"]
WRONG = (
    "No host of the inventory is in spire_servers or spire_agents, so nothing was checked. The names of these two groups are fixed. The "
    "inventory's groups are spire-agents (did you mean spire_agents?), spire_server (did you mean spire_servers?), web. Rename your "
    "groups, or make them children of spire_servers and spire_agents."
)
EMPTY = (
    "The inventory has no hosts, so nothing was checked. Name an inventory with -i. If you did, Ansible's warnings above tell why it "
    "could not be read."
)


#: the variables of a host that can be reached: it is this machine
HERE = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "spire_become": False}
GROUPS = {"spire_server": ["s1"], "spire-agents": ["a1"], "web": ["w1"]}


@pytest.mark.parametrize(("playbook", "more"), [*((playbook, ()) for playbook in PLAYBOOKS), ("site", ("--limit", "web"))])
def test_every_playbook_refuses_an_inventory_without_its_groups(playbook: str, more: tuple[str, ...], tmp_path: Path) -> None:
    code, text = run(tmp_path, GROUPS, playbook, *more)
    assert code != 0 and WRONG in text, text


def test_an_inventory_that_could_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "broken.yml").write_text("{ [")
    code, text = run(tmp_path, {}, "site", "-i", "broken.yml", "--tags", "preflight")
    assert code != 0 and EMPTY in text, text


def test_a_playbook_alone_needs_no_inventory(tmp_path: Path) -> None:
    for option in ("--syntax-check", "--list-tasks", "--list-tags"):
        code, text = run(tmp_path, {}, "site", option)
        assert code == 0, text


def test_one_misspelt_group_is_a_warning(tmp_path: Path) -> None:
    code, text = run(tmp_path, {"spire_servers": ["s1"], "spire_agent": ["a1"]}, "site", "--tags", "preflight")
    assert code == 0, text
    assert text.count(
        "[WARNING]: No host is in spire_agents, and the hosts of spire_agent are neither servers nor agents; did you mean spire_agents?"
    ) == 1


@pytest.mark.parametrize(("playbook", "more"), [("site", ("--tags", "preflight")), ("verify", ()), ("upstream_check", ())])
@pytest.mark.parametrize("group", ["spire_servers", "spire_agents"])
def test_no_playbook_warns_of_the_group_that_is_not_there(group: str, playbook: str, more: tuple[str, ...], tmp_path: Path) -> None:
    alone = {
        "spire_server_address": "spire.acme.com", "spire_trust_bundle": make("root").pem, "spire_x509pop": "controller",
        "spire_pki_dir": str(tmp_path), "spire_pki_passphrase": PASSPHRASE,
    }
    code, text = run(tmp_path, {group: ["h1"]}, playbook, *more, **(alone if group == "spire_agents" else {}), **HERE)
    assert "[WARNING]" not in text, text
    assert (code == 0) is (playbook != "verify") and "mistake" not in text and "h1 : ok=" in text, text


def test_upstream_check_without_a_server_says_so(tmp_path: Path) -> None:
    message = (
        "No host of the inventory is in spire_servers, so there is nothing to ask AWS about: an upstream authority is a server's. Run this "
        "playbook with the inventory that has the servers."
    )
    for group in ("spire_servers", "spire_agents"):
        code, text = run(tmp_path, {group: ["h1"]}, "upstream_check")
        assert code == 0 and (message in text) is (group == "spire_agents"), text


@pytest.mark.parametrize(
    "groups",
    [
        {"spire_servers": ["s1"], "postgres": ["db1"]},
        {"spire_agents": ["a1"], "servers": ["a1"]},
        {"spire_agents": ["a1"], "spire": ["a1"]},
        {"spire_servers": ["s1"], "spire_agents": ["a1"], "spire_agent": ["x"]},
    ],
)
def test_fleets_of_one_kind_are_sound(groups: dict[str, list[str]]) -> None:
    assert inventory_groups.no_hosts_problem({"all": ["x"], **groups}) == ""
    assert inventory_groups.misnamed_groups({"all": ["x"], **groups}) == []


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("spire_server", "spire_servers"), ("Spire-Servers", "spire_servers"), ("servers", "spire_servers"), ("agents", "spire_agents"),
        ("spire_agent", "spire_agents"), ("spireagents", "spire_agents"), ("spire", ""), ("web", ""), ("all", ""), ("spire_agents", ""),
    ],
)
def test_what_a_name_is_meant_for(name: str, wanted: str) -> None:
    assert inventory_groups.nearest_group(name) == wanted


def test_groups_that_are_not_shown_are_counted() -> None:
    text = inventory_groups.no_hosts_problem({"all": ["x"], **{f"g{number:02}": ["x"] for number in range(13)}})
    assert "The inventory's groups are g00, g01, g02, g03, g04, g05, g06, g07, g08, g09 and 3 more. " in text
    assert "The inventory has no groups. " in inventory_groups.no_hosts_problem({"all": ["x"], "ungrouped": ["x"]})
