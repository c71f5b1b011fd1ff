# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a job template of awx_setup as AWX does: the project's inventory is imported, and ansible-runner runs a private data directory.

No AWX runs. What it does for a job is in its awx/main/tasks/jobs.py (build_args, build_env, build_inventory, run), the content of an inventory or
of a slice in awx/main/models/inventory.py (get_script_data), and the variables of a job in awx/main/models/jobs.py (awx_meta_vars).
"""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from ansible.parsing.vault import VaultLib, VaultSecret

from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.survey import specification

from tests.support import collection

OBJECTS = collection.REPO / "playbooks" / "files" / "awx" / "objects.yml"
#: the file in which ansible-runner itself writes down the environment of a job, with the secrets that AWX put there
COMMAND = "command"
#: the settings with which AWX starts every job
SETTINGS = {
    "ANSIBLE_FORCE_COLOR": "True", "ANSIBLE_HOST_KEY_CHECKING": "False", "ANSIBLE_INVENTORY_UNPARSED_FAILED": "True",
    "ANSIBLE_PARAMIKO_RECORD_HOST_KEYS": "False", "ANSIBLE_RETRY_FILES_ENABLED": "False", "MAX_EVENT_RES": "700000",
}
#: what ansible-playbook asks, as AWX recognises it
VAULT_PROMPT = r"Vault password:\s*?$"
#: as long as any job of a test may take
SECONDS = 600


def why_missing() -> str:
    """Returns the reason for skipping a test; empty where ansible-runner is installed."""
    return "" if importlib.util.find_spec("ansible_runner") else "ansible-runner is not installed, see tests/requirements.txt"


class VaultLoader(yaml.SafeLoader):
    """Reads Ansible's tags !unsafe and !vault as text."""


for _tag in ("!unsafe", "!vault"):
    VaultLoader.add_constructor(_tag, lambda loader, node: loader.construct_scalar(node))  # type: ignore[arg-type]


def decrypted(text: str, password: str) -> str:
    """Returns the value that Ansible Vault has encrypted."""
    return str(VaultLib([("default", VaultSecret(password.encode()))]).decrypt(text).decode())


def templates() -> dict[str, dict[str, Any]]:
    """Returns the job templates that awx_setup makes, by name."""
    found = yaml.load(OBJECTS.read_text(encoding="utf-8"), Loader=VaultLoader)  # noqa: S506
    return {one["name"]: one for one in found["awx_job_templates"]}


class _Unsafe(yaml.SafeDumper):
    """Marks every text as one that is no template, as AWX does with extra variables."""

    def represent_data(self, data: Any) -> Any:
        return self.represent_scalar("!unsafe", data) if isinstance(data, str) else super().represent_data(data)


@dataclass(frozen=True)
class Inventory:
    """An inventory of AWX, with what `ansible-inventory --list --export` told of its source."""

    name: str
    exported: dict[str, Any]

    def script_data(self, number: int = 1, count: int = 1) -> dict[str, Any]:
        """Returns what the inventory script of a job prints. That of a slice has every fifth host, for example, and all groups."""
        hostvars = self.exported["_meta"]["hostvars"]
        members = {name: body.get("hosts", []) for name, body in self.exported.items() if name != "_meta"}
        names = sorted({*hostvars, *(host for hosts in members.values() for host in hosts)})[number - 1::count]
        data: dict[str, Any] = {"all": {"vars": self.exported["all"].get("vars", {}), "hosts": []}}
        groups = self._groups()
        for group, body in groups.items():
            made = {"hosts": [host for host in members.get(group, []) if host in names], "children": body.get("children", []), "vars": body.get("vars", {})}
            data |= {group: {key: value for key, value in made.items() if value}} if any(made.values()) else {}
        data["all"]["children"] = list(groups)
        towers = {host: {f"remote_{prefix}_{what}": value for prefix in ("host", "tower") for what, value in (("enabled", "true"), ("id", place))}
                  for place, host in enumerate(names, 1)}
        data["_meta"] = {"hostvars": {host: {**hostvars.get(host, {}), **towers[host]} for host in names}}
        return data

    def _groups(self) -> dict[str, dict[str, Any]]:
        named = {name: dict(body) for name, body in self.exported.items() if name not in ("_meta", "all", "ungrouped")}
        children = [child for body in [*self.exported.values()] for child in body.get("children", [])]
        return {**{name: {} for name in children if name != "ungrouped"}, **named}


@dataclass(frozen=True)
class Job:
    """A job that has ended."""

    rc: int
    private: Path
    ident: str

    @property
    def artifacts(self) -> Path:
        """The directory with what AWX keeps of a job, and ansible-runner's own files."""
        return self.private / "artifacts" / self.ident

    @cached_property
    def stdout(self) -> str:
        """What the job printed, with colours as AWX shows them."""
        return (self.artifacts / "stdout").read_text(encoding="utf-8")

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        """The events of the job, in their order."""
        files = sorted((self.artifacts / "job_events").glob("[0-9]*.json"), key=lambda path: int(path.name.partition("-")[0]))
        return [json.loads(path.read_text(encoding="utf-8")) for path in files]

    @property
    def text(self) -> str:
        """What the job printed, without colours and with single blanks."""
        plain = "".join(part.partition("m")[2] if number else part for number, part in enumerate(self.stdout.split("\x1b[")))
        return " ".join(plain.split())

    @property
    def stats(self) -> dict[str, Any]:
        """What the job knows of its hosts at its end: how many tasks were changed, failed and so on."""
        return next((event["event_data"] for event in self.events if event["event"] == "playbook_on_stats"), {})

    @property
    def given(self) -> dict[str, Any]:
        """What the job gives to the next node of a workflow."""
        return dict(self.stats.get("artifact_data") or {})

    @property
    def tasks(self) -> dict[str, list[str]]:
        """The hosts on which a task ran, by the task's name."""
        found: dict[str, list[str]] = {}
        for event in self.events:
            if event["event"] in ("runner_on_ok", "runner_on_failed", "runner_on_unreachable"):
                found.setdefault(event["event_data"]["task"], []).append(event["event_data"]["host"])
        return found

    def require(self) -> Job:
        """Returns this job; it is an assertion error with the output where the job failed."""
        assert self.rc == 0, self.text[-6000:]
        return self


@dataclass
class Awx:
    """What AWX knows: a project's files as git has them, an inventory, and the credentials of the job templates."""

    directory: Path
    project: Path
    inventory: Inventory
    credentials: dict[str, str] = field(default_factory=dict)
    vault_password: str = ""
    jobs: list[Job] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def launch(
        self, name: str, answers: Mapping[str, Any] | None = None, *, limit: str = "", check: bool = False, part: tuple[int, int] = (1, 1),
        given: Mapping[str, Any] | None = None, verbosity: int = 0, workflow: str = "", playbook: str = "", **environment: str,
    ) -> Job:
        """Runs a job template to its end, or another playbook as it runs this one.

        `given` is what earlier nodes of a workflow gave, and `part` the slice's number and their count.
        """
        template, number = {**templates()[name], **({"playbook": playbook} if playbook else {})}, next(self._numbers)
        assert not limit or template.get("limit"), f"{name} asks for no limit"
        assert not check or template.get("check"), f"{name} has no check mode"
        private = self.directory / f"awx_{number}"
        for part_of in ("inventory", "env", "cp"):
            (private / part_of).mkdir(parents=True, mode=0o700)
        shutil.copytree(self.project, private / "project")
        home = private / "home"
        home.mkdir()
        script = private / "inventory" / "hosts"
        script.write_text(f"#! /usr/bin/env python3\n# -*- coding: utf-8 -*-\nprint({json.dumps(self.inventory.script_data(*part))!r})\n")
        script.chmod(0o700)
        variables = {**(given or {}), **answered(template, answers or {}), **self._meta(name, number, workflow or (name if part[1] > 1 else ""))}
        text = "".join(yaml.dump({key: value}, Dumper=_Unsafe, default_flow_style=False) for key, value in variables.items())
        (private / "env" / "extravars").write_text(text)
        (private / "env" / "settings").write_text(json.dumps({"job_timeout": 0, "suppress_ansible_output": True, "suppress_output_file": False}))
        arguments = ["-u", "root", *(["--check", "--diff"] if check else []), *(["--ask-vault-pass"] if self.vault_password else [])]
        arguments += [*(["-l", limit] if limit else []), *([f"-{'v' * verbosity}"] if verbosity else [])]
        arguments += ["-t", template["tags"]] if template.get("tags") else []
        (private / "env" / "cmdline").write_text(" ".join(arguments))
        parameters = {
            "ident": str(number), "private_data_dir": str(private), "playbook": template["playbook"], "inventory": str(script),
            "passwords": {VAULT_PROMPT: self.vault_password} if self.vault_password else {}, "suppress_env_files": True, "quiet": True,
            "fact_cache_type": "jsonfile", "envvars": {**self._environment(private, number), **environment},
        }
        job = Job(_run(parameters, home), private, str(number))
        self.jobs.append(job)
        # The home of a container is gone after the job.
        shutil.rmtree(home)
        return job

    def _meta(self, template: str, number: int, workflow: str) -> dict[str, Any]:
        """Returns the variables that AWX adds to every job. The workflow of a sliced job has the name of its template."""
        own: dict[str, Any] = {
            "job_id": number, "job_launch_type": "workflow" if workflow else "manual", "inventory_id": 2, "inventory_name": self.inventory.name,
            "project_revision": "0f3c", "project_scm_branch": "", "job_template_id": 7, "job_template_name": template, "user_id": 1, "user_name": "admin",
            "user_email": "admin@acme.com", "user_first_name": "", "user_last_name": "", "execution_node": "awx_1",
        }
        own |= {"workflow_job_id": 90, "workflow_job_name": workflow, "workflow_job_launch_type": "manual"} if workflow else {}
        return {f"{prefix}_{key}": value for prefix in ("awx", "tower") for key, value in own.items()}

    def _environment(self, private: Path, number: int) -> dict[str, str]:
        return {
            **SETTINGS, **self.credentials, "AWX_PRIVATE_DATA_DIR": str(private), "JOB_ID": str(number), "INVENTORY_ID": "2", "PROJECT_REVISION": "0f3c",
            "AWX_HOST": "https://awx.acme.com", "ANSIBLE_SSH_CONTROL_PATH_DIR": str(private / "cp"),
            # The test's own: AWX installs the collections of collections/requirements.yml into a directory that comes first.
            "ANSIBLE_COLLECTIONS_PATH": f"{collection.COLLECTIONS}{os.pathsep}collections",
        }


def answered(template: Mapping[str, Any], answers: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the extra variables of a survey: the answers, and the defaults that AWX takes for an answer."""
    questions = specification(template["survey"], template.get("required", ()))["spec"] if "survey" in template else []
    asked = {one["variable"]: one for one in questions}
    assert set(answers) <= set(asked), f"{template['name']} does not ask for {set(answers) - set(asked)}"
    assert {name for name, one in asked.items() if one["required"]} <= set(answers), "a required answer is missing"
    for name, value in answers.items():
        assert isinstance(value, int if asked[name]["type"] == "integer" else str), f"AWX refuses the answer {value!r} to {name}"
        assert not asked[name]["choices"] or value in asked[name]["choices"], f"AWX refuses the choice {value!r} for {name}"
    taken = {name: one["default"] for name, one in asked.items() if one["default"] in (one["choices"] or [one["default"]])}
    return {**{name: value for name, value in taken.items() if asked[name]["type"] != "integer" or value != ""}, **answers}


def checkout(source: Path, destination: Path) -> Path:
    """Copies the files that git would have of a project, and returns their directory: what git ignores is not there."""
    environment = {**os.environ, "GIT_DIR": str(destination.with_name("git")), "GIT_WORK_TREE": str(source)}
    for command in (["init", "--quiet"], ["add", "--all"], ["checkout-index", "--all", f"--prefix={destination}/"]):
        subprocess.run(["git", *command], cwd=source, env=environment, check=True, capture_output=True)
    return destination


def imported(project: Path, name: str) -> Inventory:
    """Imports an inventory of a project, as the update of an inventory source does."""
    argv = [str(Path(sys.executable).with_name("ansible-inventory")), "--list", "--export", "-i", f"inventories/{name}"]
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "SPIRE_"))}
    done = subprocess.run(
        argv, cwd=project, env={**kept, "ANSIBLE_COLLECTIONS_PATH": str(collection.COLLECTIONS), "ANSIBLE_INVENTORY_UNPARSED_FAILED": "True"},
        capture_output=True, text=True, check=False, timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return Inventory(f"SPIRE {name}", json.loads(done.stdout))


def _run(parameters: dict[str, Any], home: Path) -> int:
    """Runs ansible-runner in the environment of an execution environment: little more than PATH and an empty home."""
    kept = {name: os.environ[name] for name in ("PYTHONPATH", "LD_LIBRARY_PATH") if name in os.environ}
    environment = {
        **kept, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "HOME": str(home), "LANG": "C.UTF-8",
        "ANSIBLE_LOCAL_TEMP": str(home / "tmp"),
    }
    started = subprocess.Popen(
        [sys.executable, "-m", "tests.support.awx_runner"], cwd=collection.REPO, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    )
    try:
        printed, _none = started.communicate(json.dumps(parameters), timeout=SECONDS)
    except subprocess.TimeoutExpired:
        started.kill()
        raise
    artifacts = Path(parameters["private_data_dir"]) / "artifacts" / parameters["ident"]
    assert artifacts.is_dir(), printed
    # The threads of ansible-runner have written all events before it ends; a file of an event that was being written has another name.
    deadline = time.monotonic() + 10
    while list((artifacts / "job_events").glob("*.tmp")) and time.monotonic() < deadline:
        time.sleep(0.1)
    return started.returncode
