# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook new_project makes a directory in which `ansible-playbook site.yml` is all that is to be typed."""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support import awx_job, collection, playbook_run

EXAMPLE = collection.REPO / "examples" / "project"
#: playbooks that a project has no use for: it starts the quickstart, explains messages and helps editors on any machine
ELSEWHERE = {"quickstart", "quickstart_down", "explain", "json_schema", "new_project"}


def make(directory: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    return playbook_run.ansible(directory, "spire.fleet.new_project", *options, PWD=str(directory))


@pytest.fixture(name="project", scope="module")
def fixture_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("new")
    done = make(directory, "-e", "spire_project=fleet")
    assert done.returncode == 0 and "changed=3" in done.stdout, done.stdout + done.stderr
    return directory / "fleet"


def files(project: Path) -> dict[str, bytes]:
    return {str(path.relative_to(project)): path.read_bytes() for path in project.rglob("*") if path.is_file()}


def passphrase(password: bytes, text: bytes) -> str:
    """Returns the secret in a file whose values are encrypted, as AWX needs it: AWX imports an inventory without the password."""
    encrypted = yaml.load(text, Loader=awx_job.VaultLoader)["vault_spire_pki_passphrase"]  # noqa: S506
    return awx_job.decrypted(encrypted, password.decode().strip())


def test_the_files_are_those_of_the_example_and_secrets(project: Path) -> None:
    made, example = files(project), files(EXAMPLE)
    vaults = {f"inventories/{name}/group_vars/all/vault.yml" for name in ("production", "staging")}
    assert made.keys() - example.keys() == {".vault_password", *vaults} and example.keys() <= made.keys()
    assert all(made[name] == text for name, text in example.items())
    assert stat.S_IMODE((project / ".vault_password").stat().st_mode) == 0o600
    secrets = [passphrase(made[".vault_password"], made[name]) for name in sorted(vaults)]
    assert len(set(secrets)) == 2 and min(map(len, secrets)) == 40
    assert b".vault_password" in made[".gitignore"].split()


def test_a_second_run_changes_nothing_and_keeps_what_was_edited(project: Path) -> None:
    (project / "README.md").write_text("ours\n")
    before = files(project)
    done = make(project.parent, "-e", f"spire_project={project}")
    assert done.returncode == 0 and "changed=0" in done.stdout, done.stdout + done.stderr
    assert files(project) == before


def test_no_secret_is_printed(tmp_path: Path) -> None:
    done = make(tmp_path, "-e", "spire_project=p", "-vvvv", "--diff")
    text = (tmp_path / "p" / "inventories" / "production" / "group_vars" / "all" / "vault.yml").read_bytes()
    password = (tmp_path / "p" / ".vault_password").read_bytes()
    secrets = [password.decode().strip(), passphrase(password, text)]
    assert done.returncode == 0 and not any(secret in done.stdout + done.stderr for secret in secrets)


def test_the_password_of_the_vault_is_printed_or_one_that_nobody_knows(project: Path, tmp_path: Path) -> None:
    """ansible.cfg names a program. A file that is missing, as in AWX, would stop Ansible."""
    program = project / "vault_password.sh"
    assert subprocess.run([program], capture_output=True, check=True).stdout == (project / ".vault_password").read_bytes()
    alone = shutil.copy(program, tmp_path)
    printed = [subprocess.run([alone], capture_output=True, check=True).stdout for _number in range(2)]
    assert [len(one) for one in printed] == [64, 64] and printed[0] != printed[1]


@pytest.mark.parametrize("options", [(), ("-e", "spire_project=")])
def test_the_directory_must_be_named(tmp_path: Path, options: tuple[str, ...]) -> None:
    done = make(tmp_path, *options)
    assert done.returncode != 0 and "as in ansible-playbook spire.fleet.new_project -e spire_project=fleet" in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


def test_three_values_are_to_be_filled_in(project: Path) -> None:
    """Before that, preflight says so. After that, the inventory is sound, and its variables are read."""
    refused = playbook_run.ansible(project, "site.yml", "--tags", "preflight", ANSIBLE_CONFIG="")
    assert refused.returncode != 0
    arguments = [str(playbook_run.ANSIBLE), "site.yml", "--tags", "preflight"]
    variables = project / "inventories" / "production" / "group_vars" / "all" / "main.yml"
    hosts = project / "inventories" / "production" / "hosts.yml"
    for file in (variables, hosts):
        file.write_text(file.read_text().replace("example.org", "acme.com"))
    variables.write_text(variables.read_text() + 'spire_pki: controller\nspire_pki_passphrase: "{{ vault_spire_pki_passphrase }}"\n')
    done = subprocess.run(arguments, cwd=project, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0 and "spire1.prod.acme.com" in done.stdout, done.stdout + done.stderr


def test_each_playbook_of_the_collection_is_one_of_the_project() -> None:
    ours = {path.stem for path in (collection.REPO / "playbooks").glob("*.yml")} - ELSEWHERE
    assert {path.stem for path in EXAMPLE.glob("[a-z]*.yml")} - {"execution-environment"} == ours
    for name in ours:
        (play,) = yaml.safe_load((EXAMPLE / f"{name}.yml").read_text())
        assert play["ansible.builtin.import_playbook"] == f"spire.fleet.{name}"


@pytest.mark.parametrize(
    ("file", "schema"), [(".github/workflows/spire.yml", ["github-workflows"]), (".gitlab-ci.yml", ["gitlab-ci", "--data-transform", "gitlab-ci"])]
)
def test_the_pipelines_are_valid(file: str, schema: list[str]) -> None:
    program = Path(sys.executable).with_name("check-jsonschema")
    argv = [str(program), "--builtin-schema", f"vendor.{schema[0]}", *schema[1:], str(EXAMPLE / file)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
