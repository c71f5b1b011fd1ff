# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server that can't be reached: its agents are looked at all the same, and the run says what is wrong with which host."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ANSIBLE = Path(sys.executable).with_name("ansible-playbook")
AGENTS = ("a1", "a2")
LOST = "ssh: connect to host s1 port 22: No route to host"


@pytest.fixture(name="home")
def fixture_home(tmp_path: Path) -> Path:
    """A directory with an inventory of one server that nobody reaches, and two agents on this machine."""
    ssh = tmp_path / "ssh"
    # as ssh ends when there is no way to the host
    ssh.write_text(f"#!/bin/sh\necho '{LOST}' >&2\nexit 255\n")
    ssh.chmod(0o755)
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    inventory = {
        "all": {"vars": {"spire_trust_domain": "prod.acme.com", "spire_become": False}},
        "spire_servers": {"hosts": {"s1": {"ansible_ssh_executable": str(ssh)}}},
        "spire_agents": {"hosts": {name: {"spire_agent_instance": name} for name in AGENTS}, "vars": local},
    }
    (tmp_path / "inventory.yml").write_text(yaml.safe_dump(inventory))
    return tmp_path


def run(home: Path, playbook: str, *more: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ, "ANSIBLE_HOME": str(home / "home"), "ANSIBLE_REMOTE_TEMP": str(home / "remote"), "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_STDOUT_CALLBACK": "default", "ANSIBLE_SSH_RETRIES": "0",
    }
    argv = [str(ANSIBLE), "-i", "inventory.yml", f"spire.fleet.{playbook}", *more]
    return subprocess.run(argv, cwd=home, env=environment, capture_output=True, text=True, timeout=300, check=False)


def test_verify_reports_on_the_whole_fleet(home: Path) -> None:
    report = home / "report.json"
    done = run(home, "verify", "-e", f"spire_verify_report={report}")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "a1    agent   FAILED" in done.stdout
    fleet = {one["host"]: one["problems"] for one in json.loads(report.read_text())["fleet"]}
    assert list(fleet) == ["s1", *AGENTS]
    assert len(fleet["s1"]) == 1 and fleet["s1"][0].startswith("unreachable: ") and LOST in fleet["s1"][0]
    for name in AGENTS:
        assert "not attested: it has no identity of its own" in fleet[name]
        assert not any("does not answer" in problem for problem in fleet[name])


@pytest.mark.parametrize("more", [(), ("--check",)])
def test_site_says_which_server_does_not_answer(home: Path, more: tuple[str, ...]) -> None:
    done = run(home, "site", "--limit", "spire_agents", *more)
    assert done.returncode == 2, done.stdout + done.stderr
    for name in AGENTS:
        message = f"{name}: its server s1 does not answer, so nobody can tell whether it knows this agent: "
        assert message in done.stdout
    assert LOST in done.stdout


def test_what_is_wrong_with_the_question_is_told(home: Path) -> None:
    # the loop of the question fails, so there are no results
    (home / "play.yml").write_text(yaml.safe_dump([{
        "hosts": "spire_agents", "gather_facts": False, "tasks": [
            {"name": "ask", "ansible.builtin.debug": {}, "loop": "{{ nowhere }}", "register": "asked", "ignore_errors": True},
            {"name": "look", "spire.fleet.look": {"component": "agent", "servers": "asked"}},
        ],
    }]))
    environment = {**os.environ, "ANSIBLE_HOME": str(home / "home"), "ANSIBLE_REMOTE_TEMP": str(home / "remote"), "ANSIBLE_NOCOLOR": "1"}
    argv = [str(ANSIBLE), "-i", "inventory.yml", "play.yml"]
    done = subprocess.run(argv, cwd=home, env=environment, capture_output=True, text=True, timeout=300, check=False)
    said = [line for line in done.stdout.splitlines() if "a1: its server s1 does not answer" in line]
    assert said and "'nowhere' is undefined" in said[0], done.stdout + done.stderr
