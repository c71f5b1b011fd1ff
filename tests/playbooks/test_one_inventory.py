# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Preflight and the plays read the same values, or a message says that they would not; tasks on the controller stay unprivileged."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import playbook_run

HOSTS = {"spire_servers": {"hosts": {"s1": None}}, "spire_agents": {"hosts": {"a1": None}}}
DOMAIN = {"spire_trust_domain": "prod.acme.com"}
SECRET = "planted-3b91"
REFUSED = "A play, a role or a task sets it here. The plans of all hosts are made from one inventory"


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def ansible(directory: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    """Returns the exit code and the whole output of a run, with each run of blanks and line ends as one blank."""
    done = playbook_run.ansible(directory, *arguments, COLUMNS="1000", ANSIBLE_HOME=str(directory / "home"), **environment)
    return done.returncode, re.sub(r"\s+", " ", done.stdout + done.stderr)


def test_a_playbook_that_imports_site_can_not_set_variables(tmp_path: Path) -> None:
    write(tmp_path / "inventory.yml", HOSTS)
    own = {"spire_server_config": {"server": {"bind_port": 9443}}, **DOMAIN}
    write(tmp_path / "mine.yml", [{"import_playbook": "spire.fleet.site", "vars": own}])
    code, said = ansible(tmp_path, "-i", "inventory.yml", "mine.yml", "--tags", "preflight")
    assert code == 2
    for name in own:
        assert f"{name} {REFUSED}" in said
    assert "2 mistakes in the inventory; no host was touched." in said and "on a1, s1" in said


@pytest.mark.parametrize("place", ["vars", "defaults"])
def test_a_role_can_not_set_variables(tmp_path: Path, place: str) -> None:
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "spire_become": False, **DOMAIN}
    write(tmp_path / "inventory.yml", {"spire_servers": {"hosts": {"s1": local}}})
    write(tmp_path / "roles" / "mine" / place / "main.yml", {"spire_version": "1.14.7"})
    write(tmp_path / "roles" / "mine" / "tasks" / "main.yml", [{"include_role": {"name": "spire.fleet.spire_server"}}])
    write(tmp_path / "play.yml", [{"hosts": "s1", "gather_facts": False, "roles": ["mine"]}])
    code, said = ansible(tmp_path, "-i", "inventory.yml", "play.yml", "--check")
    assert code == 2 and f"error: spire_version: {REFUSED}" in said


def test_what_a_filter_of_this_collection_says_is_shown(tmp_path: Path) -> None:
    said_of = {
        "{{ {'host': secret, 'dbname': secret} | spire.fleet.mysql_connection_string }}": "mysql_connection_string: There is no part of these names: dbname.",
        "{{ {'sslmode': secret} | spire.fleet.postgres_connection_string }}": "postgres_connection_string: The driver does not know the value of sslmode",
        "{{ inner }}": "postgres_connection_string: The input must be a mapping, but it is a string.",
        "{{ ('a = ' ~ secret) | spire.fleet.from_hcl }}": "from_hcl: line 1, column 5: ",
        "{{ {} | spire.fleet.to_hcl(format=secret) }}": "to_hcl: format is hcl or json.",
        "{{ secret | spire.fleet.validate_config('server') }}": "validate_config: The configuration must be a mapping, and it is a string.",
        "{{ secret | spire.fleet.k8s_rbac }}": "k8s_rbac: The tree must be a mapping",
        "{{ secret | from_json }}": "its template failed (",
    }
    texts = {f"KEY{place}": text for place, text in enumerate(said_of)}
    inner = {"secret": SECRET, "inner": "{{ secret | spire.fleet.postgres_connection_string }}"}
    code, said = playbook_run.run(tmp_path, {"spire_servers": ["s1"]}, "site", "--tags", "preflight", spire_server_environment=texts, **inner)
    assert code == 2 and SECRET not in said, said
    for place, message in enumerate(said_of.values()):
        assert f"spire_server_environment.KEY{place} The value can't be made yet: {message}" in said, said


def test_facts_and_extra_variables_are_of_the_inventory(tmp_path: Path) -> None:
    write(tmp_path / "inventory.yml", HOSTS)
    site = {"import_playbook": "spire.fleet.site"}
    facts = {"hosts": "all", "gather_facts": False, "tasks": [{"set_fact": {"spire_version": "1.14.7"}}]}
    write(tmp_path / "mine.yml", [facts, {**site, "vars": {"spire_mine": 1, "spire_verify_report": "/x"}}])
    code, said = ansible(tmp_path, "-i", "inventory.yml", "mine.yml", "--skip-tags", "servers,agents,entries", "-e", "spire_trust_domain=prod.acme.com")
    assert code == 0, said


@pytest.mark.parametrize(("inventory", "warned"), [("elsewhere", True), ("project", False)])
def test_group_vars_beside_a_playbook_that_imports_site(tmp_path: Path, inventory: str, warned: bool) -> None:
    project = tmp_path / "project"
    write(tmp_path / inventory / "hosts.yml", HOSTS)
    write(project / "site.yml", [{"import_playbook": "spire.fleet.site"}])
    write(project / "group_vars" / "all.yml", {"spire_start_timeout": 90})
    write(tmp_path / "group_vars" / "all.yml", {"spire_start_timeout": 91})
    code, said = ansible(
        tmp_path, "-i", f"{inventory}/hosts.yml", "project/site.yml", "--tags", "preflight", "-e", "spire_trust_domain=prod.acme.com",
    )
    assert code == 0, said
    # Before 2.19, Ansible breaks the lines of a warning inside of words.
    together = said.replace(" ", "")
    unread = "Thisfilesetsspire_start_timeout,andAnsibledoesnotreadit."
    assert (f"{project}/group_vars/all.yml:{unread}" in together) is warned
    assert f"{tmp_path}/group_vars/all.yml:{unread}" in together


def test_an_omitted_value_is_in_no_file(tmp_path: Path) -> None:
    server = {
        "spire_server_config": {"server": {"jwt_issuer": "{{ issuer | default(omit) }}"}},
        "spire_server_environment": {"HTTPS_PROXY": "{{ proxy | default(omit) }}", "A": "b"}, "spire_version": "{{ release | default(omit) }}",
    }
    listed = playbook_run.inventory({}, s1=server)
    write(tmp_path / "inventory.yml", listed)
    write(tmp_path / "play.yml", [{"hosts": "s1", "gather_facts": False, "tasks": [
        {"spire.fleet.preflight": {}},
        *({"ansible.builtin.debug": {"msg": f"{name}: {{{{ lookup('spire.fleet.rendered_file', 'server', '{name}') }}}}"}}
          for name in ("configuration", "environment")),
    ]}])
    code, said = ansible(tmp_path, "-i", "inventory.yml", "play.yml")
    assert code == 0, said
    assert "omit" not in said.lower() and "jwt_issuer" not in said and "HTTPS_PROXY" not in said
    assert "trust_domain" in said and 'A=' in said


def encrypted(directory: Path, text: str) -> str:
    """Returns a text as ansible-vault encrypts it, with the password in a file."""
    (directory / "right").write_text("right")
    (directory / "wrong").write_text("wrong")
    done = subprocess.run(
        [str(playbook_run.ANSIBLE.with_name("ansible-vault")), "encrypt_string", "--vault-password-file", "right", "-n", "value", text],
        cwd=directory, capture_output=True, text=True, timeout=60, check=True,
    )
    return "\n".join(line.strip() for line in done.stdout.splitlines() if line.startswith(" "))


class Vault(str):
    """An encrypted text, which YAML marks with !vault."""


yaml.SafeDumper.add_representer(Vault, lambda dumper, text: dumper.represent_scalar("!vault", str(text), style="|"))


def test_a_value_that_can_not_be_decrypted_is_named(tmp_path: Path) -> None:
    hosts = {name: {"spire_agent_environment": {"KEY": Vault(encrypted(tmp_path, SECRET)), "A": "b"}} for name in ("a1", "a2")}
    write(tmp_path / "inventory.yml", {"all": {"vars": DOMAIN}, "spire_servers": {"hosts": {"s1": None}}, "spire_agents": {"hosts": hosts}})
    arguments = ("-i", "inventory.yml", "spire.fleet.site", "--tags", "preflight")
    named = "spire_agent_environment.KEY This value, or one that it uses, is encrypted by Ansible Vault, and this run can't decrypt it. Give the right "
    for password in ((), ("--vault-password-file", "wrong")):
        code, said = ansible(tmp_path, *arguments, *password)
        assert code == 2 and f"1 mistake in the inventory; no host was touched. 1. {named}" in said and "on a1, a2" in said
    code, said = ansible(tmp_path, *arguments, "--limit", "s1")
    assert code == 0 and "spire_agent_environment.KEY: This value, or one that it uses, is encrypted" in said and "[a1, a2]" in said
    code, said = ansible(tmp_path, *arguments, "--vault-password-file", "right")
    assert code == 0 and "encrypted" not in said and SECRET not in said


def recorder(directory: Path) -> dict[str, str]:
    """Returns environment variables for a program that stands in for sudo: it notes that it was called, and fails."""
    program = directory / "sudo"
    program.write_text(f"#!/bin/sh\necho called >> {directory}/called\nexit 1\n")
    program.chmod(0o755)
    return {"ANSIBLE_BECOME_EXE": str(program), "ANSIBLE_BECOME_ALLOW_SAME_USER": "true"}


@pytest.mark.parametrize(("given", "called"), [("", True), (None, True), ("yes", True), (False, False), ("false", False)])
def test_an_empty_spire_become_is_not_set(tmp_path: Path, given: Any, called: bool) -> None:
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "spire_become": given, **DOMAIN}
    write(tmp_path / "inventory.yml", {"spire_servers": {"hosts": {"s1": local}}})
    ansible(tmp_path, "-i", "inventory.yml", "spire.fleet.site", "--check", **recorder(tmp_path))
    assert (tmp_path / "called").exists() is called


def test_a_wrong_spire_become_is_refused_by_name(tmp_path: Path) -> None:
    code, said = playbook_run.run(tmp_path, {"spire_servers": ["s1"]}, "site", spire_become="perhaps")
    assert code == 2 and 'spire_become It must be true or false, and it is "perhaps".' in said


def test_the_controller_needs_no_privileges(tmp_path: Path) -> None:
    write(tmp_path / "inventory.yml", {"all": {"vars": {"ansible_become": True, **DOMAIN}, "hosts": {"s1": None}}})
    code, said = ansible(
        tmp_path, "-i", "inventory.yml", "spire.fleet.json_schema", PWD=str(tmp_path), **recorder(tmp_path),
    )
    assert code == 0, said
    assert not (tmp_path / "called").exists()


def test_a_confirmation_of_one_run_is_given_to_the_run(tmp_path: Path) -> None:
    groups = {"spire_servers": ["s1"], "spire_agents": ["a1"]}
    warning = "spire_new_authority: It confirms something for one run"
    code, text = playbook_run.run(tmp_path, groups, "site", "--tags", "preflight", spire_new_authority=True)
    assert code == 0 and warning in text
    code, text = playbook_run.run(tmp_path, groups, "site", "--tags", "preflight", "-e", "spire_new_authority=true")
    assert code == 0 and warning not in text
