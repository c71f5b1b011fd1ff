# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""If a host can't be reached, the other hosts are checked all the same, and the run names the host and the reason."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import playbook_run
from tests.support.authorities import PASSPHRASE, make
from tests.unit.builders.trees import NEWEST

ANSIBLE = Path(sys.executable).with_name("ansible-playbook")
AGENTS = ("a1", "a2")
LOST = "ssh: connect to host s1 port 22: No route to host"


@pytest.fixture(name="directory")
def fixture_home(tmp_path: Path) -> Path:
    """Makes a directory with an inventory of one server that can't be reached, and two agents on this machine."""
    ssh = tmp_path / "ssh"
    # ssh ends with this exit code if it can't reach the host.
    ssh.write_text(f"#!/bin/sh\necho '{LOST}' >&2\nexit 255\n")
    ssh.chmod(0o755)
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    inventory = {
        "all": {"vars": {"spire_trust_domain": "prod.acme.com", "spire_become": False}},
        "spire_servers": {"hosts": {"s1": {"ansible_ssh_executable": str(ssh)}}},
        "spire_agents": {"hosts": {name: playbook_run.instance(name, place) for place, name in enumerate(AGENTS)}, "vars": local},
    }
    write(tmp_path, inventory)
    return tmp_path


def write(directory: Path, inventory: dict[str, Any]) -> None:
    (directory / "inventory.yml").write_text(yaml.safe_dump(inventory))


def run(directory: Path, playbook: str, *more: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ, "ANSIBLE_HOME": str(directory / "home"), "ANSIBLE_REMOTE_TEMP": str(directory / "remote"), "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_STDOUT_CALLBACK": "default", "ANSIBLE_SSH_RETRIES": "0",
    }
    argv = [str(ANSIBLE), "-i", "inventory.yml", f"spire.fleet.{playbook}", *more]
    return subprocess.run(argv, cwd=directory, env=environment, capture_output=True, text=True, timeout=600, check=False)


def test_verify_reports_on_the_whole_fleet(directory: Path) -> None:
    report = directory / "report.json"
    done = run(directory, "verify", "-e", f"spire_verify_report={report}")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "a1    agent   FAILED" in done.stdout
    fleet = {one["host"]: one["problems"] for one in json.loads(report.read_text())["fleet"]}
    assert list(fleet) == ["s1", *AGENTS]
    assert len(fleet["s1"]) == 1 and fleet["s1"][0].startswith("unreachable: ") and LOST in fleet["s1"][0]
    for name in AGENTS:
        assert "not attested: it has no SVID of its own" in fleet[name]
        assert not any("does not answer" in problem for problem in fleet[name])


@pytest.mark.parametrize("more", [(), ("--check",)])
def test_site_says_which_server_does_not_answer(directory: Path, more: tuple[str, ...]) -> None:
    done = run(directory, "site", "--limit", "spire_agents", *more)
    assert done.returncode == 2, done.stdout + done.stderr
    for name in AGENTS:
        message = f"{name}: its server s1 does not answer, so nobody can tell whether it knows this agent: "
        assert message in done.stdout
    assert LOST in done.stdout


def test_a_failed_task_for_the_answers_of_servers_is_reported(directory: Path) -> None:
    # The loop of the task that asks the servers fails, so its result has no items.
    (directory / "play.yml").write_text(yaml.safe_dump([{
        "hosts": "spire_agents", "gather_facts": False, "tasks": [
            {"name": "ask", "ansible.builtin.debug": {}, "loop": "{{ nowhere }}", "register": "asked", "ignore_errors": True},
            {"name": "look", "spire.fleet.component_drift": {"component": "agent", "servers": "asked"}},
        ],
    }]))
    environment = {**os.environ, "ANSIBLE_HOME": str(directory / "home"), "ANSIBLE_REMOTE_TEMP": str(directory / "remote"), "ANSIBLE_NOCOLOR": "1"}
    argv = [str(ANSIBLE), "-i", "inventory.yml", "play.yml"]
    done = subprocess.run(argv, cwd=directory, env=environment, capture_output=True, text=True, timeout=600, check=False)
    messages = [line for line in done.stdout.splitlines() if "a1: its server s1 does not answer" in line]
    assert messages and "'nowhere' is undefined" in messages[0], done.stdout + done.stderr


def without_cas(directory: Path, dead: str) -> None:
    """Writes an inventory whose CAs are missing on the controller. One host can't be reached; each other host is a directory on this machine."""
    for name in ("spire-server", "spire-agent"):
        (directory / name).write_text(f"#!/bin/sh\necho {NEWEST} >&2\n")
        (directory / name).chmod(0o755)
    inventory = yaml.safe_load((directory / "inventory.yml").read_text())
    inventory["all"]["vars"] |= {
        "spire_pki": "controller", "spire_x509pop": "controller", "spire_pki_dir": str(directory / "pki"), "spire_pki_passphrase": PASSPHRASE,
        "spire_install_source": "preinstalled", "spire_bin_dir": str(directory), "spire_service_manager": "supervisor",
        "spire_supervisor_bin": str(directory),
    }
    away, here = inventory["spire_servers"]["hosts"]["s1"], inventory["spire_agents"].pop("vars")
    for group in ("spire_servers", "spire_agents"):
        for host, own in inventory[group]["hosts"].items():
            port = {name: own[name] for name in own if name.startswith("spire_agent_config")}
            inventory[group]["hosts"][host] = away if host == dead else {**here, **port, "spire_root_dir": str(directory / host)}
    write(directory, inventory)


def recap(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Returns the final state of each host: failed, unreachable or ok."""
    lines = [line.split() for line in done.stdout.partition("PLAY RECAP")[2].splitlines()[1:] if line]
    return {line[0]: next((word for word in ("failed", "unreachable") if f"{word}=0" not in line), "ok") for line in lines}


def test_a_first_run_goes_on_without_an_agent(directory: Path) -> None:
    without_cas(directory, "a2")
    done = run(directory, "site", "--check")
    assert recap(done) == {"s1": "ok", "a1": "ok", "a2": "unreachable"}, done.stdout + done.stderr
    assert "TASK [Check every server for drift]" in done.stdout
    assert "TASK [spire.fleet.spire_agent : Check the agent for drift]" in done.stdout


def test_a_first_run_reports_a_server_that_does_not_answer(directory: Path) -> None:
    without_cas(directory, "s1")
    done = run(directory, "site")
    assert recap(done) == {"s1": "unreachable", "a1": "ok", "a2": "ok"}, done.stdout + done.stderr
    assert LOST in done.stdout.partition("TASK [spire.fleet.spire_server : Check the server for drift]")[2]
    assert not (directory / "pki").exists()


def test_a_missing_ca_stops_only_agents(directory: Path) -> None:
    without_cas(directory, "s1")
    inventory = yaml.safe_load((directory / "inventory.yml").read_text())
    del inventory["spire_servers"]
    inventory["all"]["vars"] |= {"spire_pki": "none", "spire_server_address": "spire.acme.com", "spire_trust_bundle": make("of servers").pem}
    write(directory, inventory)
    file = directory / "a1" / "etc" / "agent" / "main.x509pop.pem"
    file.parent.mkdir(parents=True)
    file.write_text(make("of old").pem)
    done = run(directory, "site")
    assert done.returncode == 2, done.stdout + done.stderr
    assert f"a1: {file} was issued by CN=of old, and the controller has no such CA" in done.stdout
    assert "PLAY [SPIRE" not in done.stdout and not (directory / "pki").exists()


@pytest.mark.parametrize("more", [(), ("--check",)])
@pytest.mark.parametrize("dead", ["s1", "a1"])
def test_a_missing_ca_stops_every_host_and_names_each(directory: Path, dead: str, more: tuple[str, ...]) -> None:
    """Each host with a certificate of the missing CA is named, whether or not the first host, on which the run fails, can be reached."""
    without_cas(directory, dead)
    files = {name: directory / name / "etc" / "agent" / "main.x509pop.pem" for name in AGENTS if name != dead}
    for file in files.values():
        file.parent.mkdir(parents=True)
        file.write_text(make("of old").pem)
    done = run(directory, "site", *more)
    assert done.returncode == 2, done.stdout + done.stderr
    for name, file in files.items():
        missing = directory / "pki" / "prod.acme.com" / "x509pop" / "root.pem"
        expected_message = f"{name}: {file} was issued by CN=of old, and the controller has no such CA: {missing} is missing."
        assert expected_message in done.stdout, done.stdout
    assert "TASK [Fail before another CA is made]" in done.stdout and "PLAY [SPIRE" not in done.stdout
    assert set(recap(done)) == {"s1", *AGENTS} and list(recap(done).values()).count("failed") == 1
    assert not (directory / "pki").exists()
