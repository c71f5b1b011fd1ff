# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan is used again while nothing that it was made from has changed, and is made again otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.variables import Values
from ansible_collections.spire.fleet.plugins.plugin_utils.plan import build, made
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan

GROUPS = {"spire_servers": ["s1"], "spire_agents": ["a1"]}
VARIABLES: dict[str, Any] = {"spire_trust_domain": "prod.acme.com"}


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(made, "_KEPT", {})


@pytest.fixture
def count(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Returns a list to which the component of each plan is added when the plan is made."""
    found: list[str] = []
    make = build._make
    monkeypatch.setattr(build, "_make", lambda component, *rest: found.append(component) or make(component, *rest))
    return found


def fleet(groups: dict[str, list[str]] | None = None, **hosts: dict[str, Any]) -> Fleet:
    """Returns a new fleet, as each task makes one."""
    return Fleet(groups or GROUPS, lambda host: Values({**VARIABLES, **hosts.get(host, {})}))


def test_another_task_uses_the_plan_with_a_state_of_its_own(count: list[str]) -> None:
    first, second = plan("agent", "a1", fleet()), plan("agent", "a1", fleet())
    assert count == ["agent", "server"] and first is not second and first.tree == second.tree
    # Data that was read from files for one task is not kept for another task.
    assert "files" not in second.__dict__ and first.files == second.files
    assert second.server and first.server is not second.server


@pytest.mark.parametrize("changed", [
    {"s1": {"spire_server_config": {"server": {"bind_port": 9443}}}},
    {"s1": {"spire_server_environment": {"A": "1"}}},
    {"s1": {"spire_sever_group": "x"}},
    {"s1": {"ansible_host": "10.0.0.1"}},
])
def test_a_change_of_the_server_is_a_change_of_its_agent(count: list[str], changed: dict[str, Any]) -> None:
    plan("agent", "a1", fleet())
    plan("agent", "a1", fleet(**changed))
    assert count == ["agent", "server"] * 2


def test_a_change_of_the_groups_is_a_change(count: list[str]) -> None:
    plan("agent", "a1", fleet())
    plan("agent", "a1", fleet({**GROUPS, "another": ["a1"]}))
    assert count == ["agent", "server"] * 2


def test_numbers_and_booleans_differ(count: list[str]) -> None:
    for value in (1, True):
        plan("server", "s1", fleet(s1={"spire_server_config": {"server": {"bind_port": value}}}))
    assert count == ["server"] * 2


def test_a_plan_with_a_mistake_is_not_kept(count: list[str]) -> None:
    for _again in range(2):
        plan("server", "s1", fleet(s1={"spire_version": "0.1.0"}))
    assert count == ["server"] * 2


def test_what_is_noted_of_aws_is_read_again(count: list[str], tmp_path: Path) -> None:
    aws = {"plugins": {"UpstreamAuthority": {"awssecret": {"plugin_data": {"region": "eu-central-1"}}}}}
    given = {"spire_pki": "awssecret", "spire_pki_dir": str(tmp_path), "spire_server_config": aws}
    record = Path(plan("server", "s1", fleet(s1=given)).injected_options.record_path)  # type: ignore[union-attr]
    plan("server", "s1", fleet(s1=given))
    assert count == ["server"]
    record.parent.mkdir(parents=True)
    record.write_text('{"region": "eu-central-1", "key": {"arn": "arn:aws:secretsmanager:eu-central-1:1:secret:k-1"}}')
    found = plan("server", "s1", fleet(s1=given))
    assert count == ["server"] * 2
    assert found.plugin_data("UpstreamAuthority", "awssecret")["key_file_arn"].endswith("secret:k-1")
