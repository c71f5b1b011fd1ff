# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the collection's playbooks, and single tasks, with the ansible-playbook that is installed beside this interpreter."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

#: the program beside the interpreter that runs the tests, so that it is of the same ansible-core
ANSIBLE = Path(sys.executable).with_name("ansible-playbook")
#: a value that the inventory of `good_inventory` holds and no output may show
SECRET = "planted-7c41"


def ansible(run_directory: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Runs ansible-playbook in a directory, without the caller's configuration, and returns its result whatever the exit code is."""
    variables = {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_STDOUT_CALLBACK": "default", **environment}
    variables.pop("ANSIBLE_CONFIG", None)
    return subprocess.run([str(ANSIBLE), *arguments], cwd=run_directory, env=variables, capture_output=True, text=True, timeout=600, check=False)


def run(run_directory: Path, groups: dict[str, list[str]], playbook: str, *more: str, **variables: Any) -> tuple[int, str]:
    """Runs one of our playbooks; returns the exit code and the whole output, with each run of blanks and line ends as one blank."""
    made: dict[str, Any] = {name: {"hosts": dict.fromkeys(hosts)} for name, hosts in groups.items()}
    (run_directory / "inventory.yml").write_text(yaml.safe_dump({"all": {"vars": {"spire_trust_domain": "prod.acme.com", **variables}}, **made}))
    done = ansible(run_directory, "-i", "inventory.yml", f"spire.fleet.{playbook}", *more, COLUMNS="1000")
    return done.returncode, re.sub(r"\s+", " ", done.stdout + done.stderr)


class Run:
    """One run of tasks by `play`: its output at -vvv, and the result of each task by its name."""

    def __init__(self, done: "subprocess.CompletedProcess[str]", results: Path) -> None:
        self.text = done.stdout + done.stderr
        assert results.exists(), self.text
        self.results: dict[str, dict[str, Any]] = json.loads(results.read_text())


def play(run_directory: Path, inventory: dict[str, Any], tasks: dict[str, dict[str, Any]], *more: str) -> Run:
    """Runs these tasks on a1, each whether or not the one before it failed."""
    listed: list[dict[str, Any]] = [
        {"name": name, **task, "register": f"result_{name}", "ignore_errors": True} for name, task in tasks.items()
    ]
    names = ", ".join(f"'{name}': result_{name}" for name in tasks)
    listed.append({
        "name": "keep", "check_mode": False, "diff": False, "no_log": True,
        "ansible.builtin.copy": {"content": "{{ {" + names + "} | to_json }}", "dest": str(run_directory / "results.json"), "mode": "0600"},
    })
    (run_directory / "inventory.yml").write_text(yaml.safe_dump(inventory))
    (run_directory / "play.yml").write_text(yaml.safe_dump([{"hosts": "a1", "gather_facts": False, "tasks": listed}]))
    places = {"ANSIBLE_HOME": str(run_directory / "home"), "ANSIBLE_REMOTE_TEMP": str(run_directory / "remote")}
    return Run(ansible(run_directory, "-vvv", "-i", "inventory.yml", "play.yml", *more, **places), run_directory / "results.json")


def inventory(common: dict[str, Any], **hosts: dict[str, Any]) -> dict[str, Any]:
    """Returns an inventory of the server s1 and the agents a1 and a2, all of them on this machine."""
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "spire_trust_domain": "prod.acme.com"}
    return {
        "all": {"vars": {**local, **common}},
        "spire_servers": {"hosts": {"s1": hosts.get("s1", {})}},
        "spire_agents": {"hosts": {"a1": hosts.get("a1", {}), "a2": {**instance("a2", 1), **hosts.get("a2", {})}}},
    }


def instance(name: str, place: int) -> dict[str, Any]:
    """Returns the variables of an agent with a name and a port of its own, as one of several on one machine."""
    return {"spire_agent_instance": name, "spire_agent_config__own": {"health_checks": {"bind_port": 8086 + place}}}


def good_inventory(run_directory: Path) -> dict[str, Any]:
    """Returns a sound inventory that keeps everything in a directory; its preinstalled programs are expected in `home/bin`."""
    return inventory({
        "spire_root_dir": str(run_directory / "q"), "spire_service_manager": "supervisor", "spire_install_source": "preinstalled",
        "spire_bin_dir": str(run_directory / "bin"), "spire_supervisor_bin": str(run_directory / "bin"),
        "spire_agent_environment": {"KEY": SECRET},
        # A variable of the inventory's own has an invalid template, which must have no effect.
        "spire_mine": "{{ nowhere }}",
    }, a2={"spire_root_dir": str(run_directory / "q2")})


def show(expression: str) -> dict[str, Any]:
    """Returns a task whose result has the value of a Jinja expression as its message."""
    return {"ansible.builtin.debug": {"msg": "{{ " + expression + " }}"}}


def fact(name: str, value: Any) -> dict[str, Any]:
    """Returns a task that sets a fact."""
    return {"ansible.builtin.set_fact": {name: value}}


def python_of_another_time(directory: Path, seconds: int) -> str:
    """Returns the path of a Python interpreter whose time.time() is this many seconds later, or earlier, than the clock."""
    place = directory / f"off{seconds}"
    place.mkdir()
    (place / "sitecustomize.py").write_text(f"import time\nreal = time.time\ntime.time = lambda: real() + {seconds}\n")
    program = place / "python"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={place} exec {sys.executable} "$@"\n')
    program.chmod(0o755)
    return str(program)
