# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run plans each server and agent once, and makes a plan again after a variable has changed."""

from __future__ import annotations

import collections
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import plan_count, playbook_run

ANSIBLE = Path(sys.executable).with_name("ansible-playbook")
SECRET = "planted-7c41"
#: variables with a template; in the inventory, one host has an ansible_host and the others have none
VARIABLES = {
    "spire_trust_domain": "prod.acme.com",
    "spire_server_address": "{{ 'spire.' ~ spire_trust_domain }}",
    "spire_server_environment": {"WORD": SECRET},
    "ansible_connection": "local",
}
INVENTORY = {
    "all": {"vars": VARIABLES},
    "spire_servers": {"hosts": {"s1": {"ansible_host": "127.0.0.1"}}},
    "spire_agents": {"hosts": {"a1": None, "a2": playbook_run.instance("a2", 1)}},
}
PORT = "spire.fleet.component_plan', 'agent').server"
PREFLIGHT = {"name": "preflight", "spire.fleet.preflight": {}, "run_once": "{{ lookup('spire.fleet.plan_fleet') }}"}


def show(name: str, lookup: str = PORT, **more: Any) -> dict[str, Any]:
    """Returns a task that shows the result of a lookup."""
    return {"name": name, "ansible.builtin.debug": {"msg": f"shown {name}: {{{{ lookup('{lookup} }}}}"}, **more}


class Runs:
    """Runs plays, and keeps their output."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.output = directory, ""

    def play(self, *plays: dict[str, Any], more: tuple[str, ...] = ()) -> list[dict[str, Any]]:
        (self.directory / "inventory.json").write_text(json.dumps(INVENTORY))
        (self.directory / "play.json").write_text(json.dumps([{"gather_facts": False, **play} for play in plays]))
        counted = self.directory / "counted"
        done = subprocess.run(
            [str(ANSIBLE), "-i", "inventory.json", "play.json", *more], cwd=self.directory, capture_output=True, text=True, timeout=300,
            check=False,
            env={**os.environ, **plan_count.environment(counted), "ANSIBLE_STDOUT_CALLBACK": "default", "ANSIBLE_NOCOLOR": "1"},
        )
        self.output = done.stdout + done.stderr
        assert done.returncode == 0, self.output
        return plan_count.made(counted)


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


def test_a_run_plans_each_component_once(runs: Runs) -> None:
    tasks = [
        PREFLIGHT, show("first"), show("second"),
        show("file", "spire.fleet.rendered_file', 'agent', 'configuration') | length"),
    ]
    made = runs.play({"hosts": "spire_agents", "tasks": tasks}, {"hosts": "spire_agents", "tasks": [PREFLIGHT, show("third")]})
    counts = collections.Counter((one["component"], one["host"]) for one in made)
    assert counts == {("server", "s1"): 1, ("agent", "a1"): 1, ("agent", "a2"): 1}
    assert all(one["main"] for one in made)
    assert runs.output.count("shown third: spire.prod.acme.com:8081") == 2
    assert SECRET not in runs.output


def test_a_play_without_it_plans_in_each_task(runs: Runs) -> None:
    made = runs.play({"hosts": "a1", "tasks": [show("first"), show("second")]})
    # This also shows that the counter works: each task makes its own plans, but none of them twice.
    assert [(one["component"], one["task"], one["main"]) for one in made] == [
        ("server", "first", False), ("agent", "first", False), ("server", "second", False), ("agent", "second", False),
    ]


def test_what_changes_on_the_way_is_seen(runs: Runs) -> None:
    config = {"server": {"bind_port": 9443}}
    (runs.directory / "layer.json").write_text(json.dumps({"spire_server_config__z": {"server": {"log_level": "DEBUG"}}}))
    change = {"name": "change", "ansible.builtin.set_fact": {"spire_server_config": config}, "delegate_to": "s1", "delegate_facts": True}
    made = runs.play(
        {"hosts": "a1", "tasks": [PREFLIGHT, show("before"), change, show("fact")]},
        {"hosts": "a1", "vars": {"spire_server_address": "of.play"}, "tasks": [show("play")]},
        {"hosts": "s1", "tasks": [
            show("server", "spire.fleet.rendered_file', 'server', 'configuration') is search('9443')"),
            {"name": "include", "ansible.builtin.include_vars": {"file": "layer.json"}},
            show("include", "spire.fleet.rendered_file', 'server', 'configuration') is search('DEBUG')"),
            {"name": "add", "ansible.builtin.group_by": {"key": "another"}},
            show("group", "spire.fleet.component_plan', 'server').binary"),
        ]},
    )
    for said in (
        "before: spire.prod.acme.com:8081", "fact: spire.prod.acme.com:9443", "play: spire.prod.acme.com:9443", "server: True", "include: True",
        "group: /opt/spire/server-main/bin/spire-server",
    ):
        assert f"shown {said}" in runs.output
    tasks = [one["task"] for one in made if not one["main"]]
    assert tasks == ["fact", "fact", "play", "play", "server", "include", "group"]


def test_extra_variables_are_planned_with(runs: Runs) -> None:
    extra = json.dumps({"spire_server_config": {"server": {"bind_port": 9443}}})
    made = runs.play({"hosts": "a1", "tasks": [PREFLIGHT, show("port")]}, more=("-e", extra))
    assert "shown port: spire.prod.acme.com:9443" in runs.output
    assert len(made) == 3
