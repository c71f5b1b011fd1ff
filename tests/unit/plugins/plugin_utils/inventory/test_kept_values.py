# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts share the plain copies of values without a template, so a value is copied once, and nothing changes a copy."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import plain
from ansible_collections.spire.fleet.plugins.plugin_utils.drift.probe import planned_digests, request_of
from ansible_collections.spire.fleet.plugins.plugin_utils.entries import desired
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory import templating
from ansible_collections.spire.fleet.plugins.plugin_utils.rules import run as rules_run
from tests.support import examples
from tests.unit.plugins.plugin_utils.inventory.test_templating import read, trusted


@pytest.fixture(autouse=True)
def copies(monkeypatch: pytest.MonkeyPatch) -> dict[int, tuple[Any, Any]]:
    """Begins without copies, as a run does, and returns those that are made."""
    made: dict[int, tuple[Any, Any]] = {}
    monkeypatch.setattr(templating, "_COPIES", made)
    return made


@pytest.mark.parametrize("name", examples.names())
def test_nothing_changes_a_copy(name: str, copies: dict[int, tuple[Any, Any]]) -> None:
    fleet = examples.fleet(name)
    rules_run.of_fleet(fleet)
    for planned in examples.plans(fleet):
        assert request_of(planned).as_argument() and planned_digests(planned)
    for server in fleet.servers:
        group = fleet.group_of_server(server)
        first = desired.first_server(fleet, group)
        identities = {agent: f"spiffe://{first.trust_domain}/spire/agent/{agent}" for agent in fleet.agents}
        desired.of_agents(first, fleet, group, identities)
        desired.purge(first, fleet, group, identities, [])
    assert all(plain(value) == copy for value, copy in copies.values())


def test_the_examples_have_such_values(copies: dict[int, tuple[Any, Any]]) -> None:
    for name in examples.names():
        examples.fleet(name).values_of(next(iter(examples.fleet(name).groups["all"])))
    assert len(copies) > len(examples.names())


def test_another_value_is_copied_anew(copies: dict[int, tuple[Any, Any]]) -> None:
    entries = [{"spiffe_id": "/web"}]
    assert read(spire_entries=entries)["spire_entries"] == entries
    assert read(spire_entries=[{"spiffe_id": "/db"}])["spire_entries"] == [{"spiffe_id": "/db"}]
    kept = trusted(entries)
    first, second = templating._kept(kept), templating._kept(kept)
    assert first is second and first == entries


def test_a_value_with_a_template_has_no_copy(copies: dict[int, tuple[Any, Any]]) -> None:
    assert read(spire_entries=[{"spiffe_id": "{{ '/web' }}"}])["spire_entries"] == [{"spiffe_id": "/web"}]
    assert copies == {}
