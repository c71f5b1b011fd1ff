# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The roles' argument specifications are those of the variables' data, and cost no task in a run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from tests.support import collection
from tools.docs import role_argument_specs

REPO = collection.REPO
RUNS = sorted([*REPO.glob("playbooks/*.yml"), *REPO.glob("playbooks/files/quickstart/*.yml"), *REPO.glob("roles/*/tasks/*.yml")])


def parts(value: Any) -> Iterator[dict[str, Any]]:
    """Yields each mapping in a playbook or a file of tasks."""
    if isinstance(value, dict):
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from parts(one)


def test_every_role_has_one() -> None:
    assert {path.name for path in (REPO / "roles").iterdir()} == set(role_argument_specs.DESCRIPTIONS)


@pytest.mark.parametrize("role", role_argument_specs.DESCRIPTIONS)
def test_it_is_fresh(role: str) -> None:
    path = REPO / "roles" / role / "meta" / "argument_specs.yml"
    assert path.read_text(encoding="utf-8") == role_argument_specs.specification(role), "run make docs"


@pytest.mark.parametrize(("name", "value", "message"), [
    ("spire_install_source", "archive", None),
    ("spire_install_source", "tarball", "value of spire_install_source must be one of"),
    ("spire_agents_serial", "10%", None),
    ("spire_server_config", {"server": {}}, None),
    ("spire_server_config", "server", "spire_server_config"),
])
def test_ansible_takes_it(name: str, value: Any, message: str | None) -> None:
    spec = yaml.safe_load(role_argument_specs.specification("spire_server"))["argument_specs"]["main"]["options"]
    spec.update(yaml.safe_load(role_argument_specs.specification("spire_agent"))["argument_specs"]["main"]["options"])
    errors = ArgumentSpecValidator(spec).validate({name: value}).error_messages
    assert errors == [] if message is None else message in errors[0]


def test_no_run_has_a_task_for_it() -> None:
    found = 0
    for path in RUNS:
        for part in parts(yaml.safe_load(path.read_text(encoding="utf-8"))):
            assert "roles" not in part, f"{path}: `roles` of a play has no rolespec_validate"
            for word in ("ansible.builtin.import_role", "ansible.builtin.include_role"):
                if word in part and "tasks_from" not in part[word]:
                    found += 1
                    assert part[word].get("rolespec_validate") is False, f"{path}: {part.get('name')}"
    assert found >= 8
