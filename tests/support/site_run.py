# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the collection's playbooks on a scenario's hosts, and tells what became of every task on every host."""

from __future__ import annotations

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

PLAYBOOKS = "spire.fleet."


@dataclass(frozen=True)
class Task:
    """One task on one host."""

    name: str
    host: str
    result: Mapping[str, Any]


@dataclass(frozen=True)
class Run:
    """One call of ansible-playbook that has ended."""

    rc: int
    stdout: str
    stderr: str

    @cached_property
    def tasks(self) -> list[Task]:
        """Every task that was not skipped, in its order."""
        # After what is said at high verbosity.
        start = re.search(r"^\{$", self.stdout, re.MULTILINE)
        assert start, self.stdout + self.stderr
        plays = json.JSONDecoder().raw_decode(self.stdout[start.start():])[0]["plays"]
        return [
            Task(task["task"]["name"].rpartition(" : ")[2], host, result)
            for play in plays for task in play["tasks"] for host, result in task["hosts"].items()
            if not result.get("skipped")
        ]

    def of(self, host: str, name: str = "") -> Iterator[Mapping[str, Any]]:
        """The results of a host's tasks of this name."""
        return (task.result for task in self.tasks if task.host == host and name in ("", task.name))

    def differences(self, host: str, component: str) -> list[str]:
        """What the look found, in words."""
        look = next(self.of(host, f"Check the {component} for drift"), {})
        return list(look.get("differences", ["it was not looked at"]))

    def shown(self, host: str, component: str) -> str:
        """The texts of the look's diff."""
        look = next(self.of(host, f"Check the {component} for drift"), {})
        return "".join(f"{part['before_header']}\n- {part['before']}+ {part['after']}" for part in look.get("diff", []))

    @property
    def changed(self) -> dict[str, list[str]]:
        """The names of the tasks that changed something, by host."""
        found: dict[str, list[str]] = {}
        for task in self.tasks:
            if task.result.get("changed"):
                found.setdefault(task.host, []).append(task.name)
        return found

    @property
    def failed(self) -> dict[str, str]:
        """The message of each host that failed or was lost."""
        return {
            task.host: messages(task.result)
            for task in self.tasks if task.result.get("failed") or task.result.get("unreachable")
        }

    def acted(self, host: str) -> bool:
        """Whether any task ran that comes only where something differs."""
        return any(task.host == host and task.name == "Install users, binaries and files" for task in self.tasks)

    def require(self) -> Run:
        """Itself; an assertion error with the hosts' messages where it did not succeed."""
        assert self.rc == 0, "\n".join(f"{host}: {text}" for host, text in self.failed.items()) or self.stderr
        return self


def messages(result: Mapping[str, Any]) -> str:
    """What a failed task says, the items of its loop as well."""
    items = [str(item.get("msg", "")) for item in result.get("results", []) if item.get("failed")]
    return "\n".join([str(result.get("msg", "")), *items])


def start(playbook: str, *options: str, variables: Mapping[str, Any] | None = None, **environment: str) -> subprocess.Popen[str]:
    """Start a playbook of the collection on the scenario's inventory, JSON on its standard output."""
    # The directory, as Molecule does: hosts that are no platform are in a file beside it.
    argv = ["ansible-playbook", "-i", os.path.dirname(os.environ["MOLECULE_INVENTORY_FILE"]), *options]
    if capture.captured():
        argv.append("-vvvv")
    if variables:
        # As whoever has secrets in them does it: at -vvvv, Ansible itself prints what it is called with.
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
    """Wait for its end, and collect the secrets that are in use then."""
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
    """Run a playbook of the collection to its end."""
    return finish(start(playbook, *options, variables=variables, **environment))
