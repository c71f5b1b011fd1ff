# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the collection's playbooks on a scenario's hosts, and reads the result of every task on every host."""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.secret_scan import capture, collect
from tests.support.collection import REPO

PLAYBOOKS = "spire.fleet."

# The names, in roles and playbooks, of the tasks whose results tests read.
DRIFT = {"server": "Check the server for drift", "agent": "Check the agent for drift"}
AT_ONCE = "Check every server for drift"
APPLY = "Install users, binaries and files"
MINT_TOKENS = "Mint join tokens"
EVICT = "Evict agents whose attestor trusts on first use"
ENTRIES = "Create and update the registration entries"
REPORT = "Report on the fleet"
STOP = "Stop and disable the service"
ROTATION_STATE = "Show the state of the rotation"


@functools.cache
def existing(name: str) -> str:
    """Returns the name of a task, and fails if no task has it: a test that reads no result would assert nothing."""
    files = (path for directory in ("roles", "playbooks") for path in (REPO / directory).rglob("*.yml"))
    assert any(f"- name: {name}\n" in path.read_text(encoding="utf-8") for path in files), f"no task is named {name!r}"
    return name


@dataclass(frozen=True)
class Task:
    """The result of one task on one host."""

    name: str
    host: str
    result: Mapping[str, Any]


@dataclass(frozen=True)
class Run:
    """A call of ansible-playbook that has ended."""

    rc: int
    stdout: str
    stderr: str

    @cached_property
    def tasks(self) -> list[Task]:
        """Returns every task that was not skipped, in the order of the run."""
        # At high verbosity, Ansible prints other lines before the JSON.
        start = re.search(r"^\{$", self.stdout, re.MULTILINE)
        assert start, self.stdout + self.stderr
        plays = json.JSONDecoder().raw_decode(self.stdout[start.start():])[0]["plays"]
        return [
            Task(task["task"]["name"].rpartition(" : ")[2], host, result)
            for play in plays for task in play["tasks"] for host, result in task["hosts"].items()
            if not result.get("skipped")
        ]

    def named(self, name: str) -> list[Task]:
        """Returns the tasks of this name on all hosts."""
        return [task for task in self.tasks if task.name == existing(name)]

    def of(self, host: str, name: str) -> Iterator[Mapping[str, Any]]:
        """Yields the results of a host's tasks of this name."""
        return (task.result for task in self.named(name) if task.host == host)

    def checks(self, host: str, component: str) -> list[Mapping[str, Any]]:
        """Returns the results of the drift checks of a component. All hosts are checked at once, and those that differ again in their turn."""
        tasks = [*([AT_ONCE] if component == "server" else []), DRIFT[component]]
        return [result for task in tasks for result in self.of(host, task)]

    def checked(self, host: str, component: str) -> Mapping[str, Any]:
        """Returns the result of the last of them."""
        return next(reversed(self.checks(host, component)), {})

    def refusals(self, host: str, component: str) -> list[str]:
        """Returns the messages of the failed drift checks of a component."""
        return [str(result["msg"]) for result in self.checks(host, component) if result.get("failed")]

    def differences(self, host: str, component: str) -> list[str]:
        """Returns the differences that the drift check of a component found."""
        return list(self.checked(host, component).get("differences", ["no drift check ran"]))

    def shown(self, host: str, component: str) -> str:
        """Returns the diff that the drift check of a component shows."""
        shown = self.checked(host, component).get("diff", [])
        return "".join(f"{part['before_header']}\n- {part['before']}+ {part['after']}" for part in shown)

    @property
    def changed(self) -> dict[str, list[str]]:
        """Returns the names of the tasks that changed something, by host."""
        found: dict[str, list[str]] = {}
        for task in self.tasks:
            if task.result.get("changed"):
                found.setdefault(task.host, []).append(task.name)
        return found

    @property
    def failed(self) -> dict[str, str]:
        """Returns the message of each host that failed or became unreachable."""
        return {
            task.host: messages(task.result)
            for task in self.tasks if task.result.get("failed") or task.result.get("unreachable")
        }

    def acted(self, host: str) -> bool:
        """Whether tasks ran that run only if something differs."""
        return any(task.host == host for task in self.named(APPLY))

    def require(self) -> Run:
        """Returns this run; it is an assertion error with the hosts' messages where the run failed."""
        assert self.rc == 0, "\n".join(f"{host}: {text}" for host, text in self.failed.items()) or self.stderr
        return self


def messages(result: Mapping[str, Any]) -> str:
    """Returns the message of a failed task, and those of the items of its loop."""
    items = [str(item.get("msg", "")) for item in result.get("results", []) if item.get("failed")]
    return "\n".join([str(result.get("msg", "")), *items])


def start(playbook: str, *options: str, variables: Mapping[str, Any] | None = None, **environment: str) -> subprocess.Popen[str]:
    """Starts a playbook of the collection on the scenario's inventory, with JSON on its standard output."""
    # Molecule passes the directory as well: hosts that are no platform are in another file in it.
    argv = ["ansible-playbook", "-i", os.path.dirname(os.environ["MOLECULE_INVENTORY_FILE"]), *options]
    if capture.captured():
        argv.append("-vvvv")
    if variables:
        # Secrets belong into a file: at -vvvv, Ansible itself prints its command line.
        file, path = tempfile.mkstemp(suffix=".json")
        with open(file, "w", encoding="utf-8") as out:
            json.dump(variables, out)
        argv += ["-e", f"@{path}"]
    return subprocess.Popen(
        [*argv, playbook if "/" in playbook else PLAYBOOKS + playbook],
        env={**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", **environment},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )


def finish(process: subprocess.Popen[str]) -> Run:
    """Waits for the end of a run, and collects the secrets that are in use then."""
    stdout, stderr = process.communicate()
    capture.keep_run(stdout, stderr)
    assert isinstance(process.args, list)
    files = [Path(one[1:]) for one in process.args if str(one).startswith("@")]
    given = {name: value for path in files for name, value in json.loads(path.read_text(encoding="utf-8")).items()}
    for path in files:
        path.unlink()
    collect.moment(os.environ["MOLECULE_SCENARIO_NAME"], given)
    return Run(process.returncode, stdout, stderr)


def run(playbook: str, *options: str, variables: Mapping[str, Any] | None = None, **environment: str) -> Run:
    """Runs a playbook of the collection to its end."""
    return finish(start(playbook, *options, variables=variables, **environment))
