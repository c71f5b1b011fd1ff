# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules of awx.awx make everything in a server that records it. No AWX ran."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.variables import catalogue
from tests.support import awx_server, collection, playbook_run
from tests.support.awx_server import Awx

PROJECT = collection.REPO / "examples" / "project"
ADDRESS = "https://git.acme.com/fleet.git"
OPTIONS = ("-e", f"spire_awx_project={ADDRESS}", "-e", "spire_awx_image=registry.acme.com/spire-fleet-ee")


def setup(directory: Path, awx: Awx, *options: str) -> "subprocess.CompletedProcess[str]":
    environment = {"CONTROLLER_HOST": awx.url, "CONTROLLER_OAUTH_TOKEN": awx_server.TOKEN}
    return playbook_run.ansible(directory, "spire.fleet.awx_setup", *options, **environment)


@pytest.fixture(name="awx", scope="module")
def fixture_awx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Awx]:
    directory = tmp_path_factory.mktemp("awx")
    with awx_server.running() as found:
        done = setup(directory, found, *OPTIONS)
        assert done.returncode == 0, done.stdout + done.stderr
        before = json.dumps(found.objects)
        again = setup(directory, found, *OPTIONS)
        assert again.returncode == 0 and "changed=0" in again.stdout, again.stdout + again.stderr
        assert json.dumps(found.objects) == before and awx_server.TOKEN not in done.stdout + again.stdout
        yield found


def test_each_object_is_made(awx: Awx) -> None:
    assert {endpoint: len(made) for endpoint, made in awx.objects.items()} == {
        "organizations": 1, "credential_types": 4, "execution_environments": 1, "projects": 1, "inventories": 2, "inventory_sources": 2,
        "job_templates": 11, "workflow_job_templates": 1, "workflow_job_template_nodes": 4, "schedules": 1, "workflow_approval_templates": 1,
    }
    assert awx.named("projects")["SPIRE"]["scm_url"] == ADDRESS
    sources = {one["name"]: one["source_path"] for one in awx.objects["inventory_sources"].values()}
    assert sources == {"SPIRE production": "inventories/production", "SPIRE staging": "inventories/staging"}
    assert all((PROJECT / path / "hosts.yml").is_file() for path in sources.values())


def test_a_job_template_runs_a_playbook_of_the_project(awx: Awx) -> None:
    for name, made in awx.named("job_templates").items():
        assert (PROJECT / made["playbook"]).is_file(), name
        assert bool(made["survey_enabled"]) == (name in awx.surveys), name


def test_surveys_ask_for_the_collections_variables(awx: Awx) -> None:
    assert len(awx.surveys) >= 6
    for name, survey in awx.surveys.items():
        for question in survey["spec"]:
            variable = catalogue()[question["variable"]]
            assert (question["type"] == "password") == variable.secret, name
            assert question["type"] in ("text", "textarea", "password", "integer", "multiplechoice") and question["question_name"]
            # What may stand in the inventory is left to it, unless the question is answered.
            assert question["default"] == "" or variable.once or variable.scope == "playbook", (name, question)
            assert question["type"] != "multiplechoice" or question["default"] in ["", *question["choices"]]


def test_secrets_are_injected_and_never_shown(awx: Awx) -> None:
    for name, made in awx.named("credential_types").items():
        fields = {field["id"]: field for field in made["inputs"]["fields"]}
        assert made["kind"] == "cloud" and set(made["inputs"]["required"]) <= set(fields)
        injected = made["injectors"]["env"]
        assert {value.strip("{} ") for value in injected.values()} == set(fields), name
        assert all(field.get("secret") for field in fields.values() if field["id"] != "access_key")
    read = "".join(path.read_text() for path in (collection.REPO / "examples").rglob("inventory.yml"))
    ours = [variable for made in awx.named("credential_types").values() for variable in made["injectors"]["env"] if variable.startswith("SPIRE_")]
    assert len(ours) == 6 and all(f"'{variable}'" in read for variable in ours)


def test_the_workflow_waits_for_a_person(awx: Awx) -> None:
    nodes = {one["identifier"]: one for one in awx.objects["workflow_job_template_nodes"].values()}
    order, name = ["preflight"], "preflight"
    while following := awx.links.get(f"{nodes[name]['url']}success_nodes/"):
        (number,) = following
        name = next(identifier for identifier, node in nodes.items() if node["id"] == number)
        order.append(name)
    assert order == ["preflight", "approval", "site", "verify"]
    approval = awx.objects["workflow_approval_templates"][nodes["approval"]["unified_job_template"]]
    assert approval["name"] == "Change the SPIRE fleet"
    templates = {made["id"]: name for name, made in awx.named("job_templates").items()}
    assert [templates[nodes[one]["unified_job_template"]] for one in ("preflight", "site", "verify")] == ["SPIRE preflight", "SPIRE site", "SPIRE verify"]


def test_the_projects_address_must_be_given(tmp_path: Path, awx: Awx) -> None:
    done = setup(tmp_path, awx)
    assert done.returncode != 0 and "-e spire_awx_project=https://git.acme.com/fleet.git" in done.stdout + done.stderr
