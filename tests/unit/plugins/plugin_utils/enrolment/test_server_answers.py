# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads from servers' answers what they know about an agent."""

from __future__ import annotations

from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.enrolment import server_answers
from ansible_collections.spire.fleet.plugins.plugin_utils.entries.desired import alias_id
from tests.unit.builders.fleets import fleet

ID = "spiffe://prod.acme.com/spire/agent/join_token/"


def answer(*agents: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"item": {"group": "spire_servers"}, "healthy": True, "agents": list(agents), "bundle": "PEM", "fingerprints": []}]


def test_a_banned_agent_is_known_by_the_entries_of_its_aliases() -> None:
    made = fleet(agents=("a1", "a2"), groups={"web": ["a1"]})
    results = answer(
        {"id": f"{ID}1", "banned": True, "entries": ["of somebody else", alias_id("web", "a1")]}, {"id": f"{ID}2", "banned": False},
    )
    known = {host: server_answers.server_knowledge(host, made, results) for host in ("a1", "a2")}
    assert {host: found and found["banned_as"] for host, found in known.items()} == {"a1": [f"{ID}1"], "a2": []}


def test_a_server_that_is_not_healthy_has_told_nothing() -> None:
    assert server_answers.server_knowledge("a1", fleet(), [{**answer()[0], "healthy": False}]) is None
