# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tags choose parts of a run, and no play depends on the configured default strategy of Ansible."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import collection

PLAYBOOKS = collection.REPO / "playbooks"
INVENTORY = {"all": {"vars": {"spire_trust_domain": "prod.acme.com"}}, "spire_servers": {"hosts": {"s1": {}}}, "spire_agents": {"hosts": {"a1": {}}}}
CHECK = "Check every server and agent against its SPIRE release, and against each other"
SERVERS = ["Check the server for drift", "Apply the changes"]
LOOK_AT_AGENTS = ["Read the attested agents from the servers", "Check the agent for drift"]
AGENTS = [*LOOK_AT_AGENTS, "Apply the changes"]
DOWNSTREAM = ["Create and update the downstream entries of nested servers"]
ENTRIES = ["Create and update the registration entries"]
#: the task that gives a result to the next node of a workflow
RESULT = ["Give the result to the next node of a workflow"]
#: the tasks of a play that has no hosts while every CA is on the controller
GONE = ["Check for certificates of a missing CA", "Fail before another CA is made"]
#: the task of a play that checks all servers at once, and the tasks of a play for agents whose server has lost its datastore
LOOK = ["Check every server for drift"]
AUTHORITY = ["Read the identity that the agent holds", "Fail before a new authority is made"]
#: the tasks of plays that have no hosts where each group has one server
FIND, ALONE = ["Find the servers that answer"], ["Report a server that can't be reached"]
#: the tasks of plays that have no hosts without nested servers
NESTED = [*FIND, *AGENTS, *DOWNSTREAM, *SERVERS]


@pytest.mark.parametrize(
    ("tags", "tasks"),
    [
        ("all", [*GONE, *LOOK, *AUTHORITY, *SERVERS, *NESTED, *FIND, *LOOK_AT_AGENTS, *AGENTS, *ENTRIES, *RESULT, *ALONE]), ("preflight", []),
        ("servers", [*GONE, *LOOK, *AUTHORITY, *SERVERS, *NESTED, *RESULT, *ALONE]),
        ("agents", [*GONE, *FIND, *AGENTS, *DOWNSTREAM, *FIND, *LOOK_AT_AGENTS, *AGENTS, *ENTRIES, *RESULT]),
        ("entries", [*FIND, *DOWNSTREAM, *FIND, *ENTRIES, *RESULT]),
        ("servers,entries", [*GONE, *LOOK, *AUTHORITY, *SERVERS, *NESTED, *FIND, *ENTRIES, *RESULT, *ALONE]),
    ],
)
def test_tags_choose_parts_and_all_are_checked_first(tags: str, tasks: list[str], tmp_path: Path) -> None:
    (tmp_path / "inventory.yml").write_text(yaml.safe_dump(INVENTORY))
    argv = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "inventory.yml", "spire.fleet.site", "--tags", tags]
    done = subprocess.run([*argv, "--list-tasks"], cwd=tmp_path, capture_output=True, text=True, timeout=600, check=True)
    listed = re.findall(r"^ {6}(?:spire\.fleet\.\w+ : )?(.*?)\tTAGS", done.stdout, re.MULTILINE)
    assert listed == [CHECK, *tasks]


@pytest.mark.parametrize("playbook", ["site", "verify", "decommission"])
def test_a_play_over_hosts_says_its_strategy(playbook: str) -> None:
    plays = yaml.safe_load((PLAYBOOKS / f"{playbook}.yml").read_text(encoding="utf-8"))
    assert len(plays) >= 3
    # The lookup gives `linear`, or Mitogen's version of it.
    assert {str(play.get("strategy")) for play in plays} == {"{{ lookup('spire.fleet.linear_strategy') }}"}


@pytest.mark.parametrize(
    ("everywhere", "extra", "waves"),
    [
        ({}, {}, ["a1 a2 a3"]),
        ({"spire_agents_serial": 2}, {}, ["a1 a2", "a3"]),
        ({"spire_agents_serial": 2}, {"spire_agents_serial": "1"}, ["a1", "a2", "a3"]),
        # An empty field of a survey: the extra variable hides the value in the inventory, so the default applies.
        ({"spire_agents_serial": 2}, {"spire_agents_serial": ""}, ["a1 a2 a3"]),
        ({"spire_agents_serial": "{{ survey_wave }}", "survey_wave": ""}, {}, ["a1 a2 a3"]),
    ],
    ids=["not set", "in the inventory", "for one run", "empty answer", "empty in the inventory"],
)
def test_agents_are_changed_in_waves(everywhere: dict[str, Any], extra: dict[str, str], waves: list[str], tmp_path: Path) -> None:
    """Agents are changed in waves of the size in the variable. The test takes `serial` from site's play and runs another task."""
    (play,) = (play for play in yaml.safe_load((PLAYBOOKS / "site.yml").read_text(encoding="utf-8")) if play["name"] == "SPIRE agents")
    task = {"run_once": True, "ansible.builtin.debug": {"msg": "wave: {{ ansible_play_batch | join(' ') }}"}}
    (tmp_path / "play.yml").write_text(yaml.safe_dump([
        # In the first play of a run, Ansible evaluates `serial` without the variables of hosts, so an empty play comes first.
        {"hosts": "spire_agents", "gather_facts": False, "tasks": []},
        {"hosts": "spire_agents", "gather_facts": False, "serial": play["serial"], "tasks": [task]},
    ]))
    (tmp_path / "inventory.yml").write_text(yaml.safe_dump({"spire_agents": {"hosts": {f"a{n}": {} for n in (1, 2, 3)}, "vars": everywhere}}))
    argv = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "inventory.yml", "-e", json.dumps(extra), "play.yml"]
    environment = {**os.environ, "ANSIBLE_HOME": str(tmp_path / "home"), "ANSIBLE_STDOUT_CALLBACK": "default", "ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert (re.findall("wave: ([a-z0-9 ]+)", done.stdout), done.returncode) == (waves, 0), done.stdout + done.stderr
