# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host goes from one minor release to the next."""

from __future__ import annotations

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.drift.compare import compare
from tests.unit.builders.fleets import planned
from tests.unit.builders.observed import NOW, converged


def errors(installed: str, wanted: str, **variables: object) -> list[str]:
    plan = planned("server", {"spire_version": wanted, **variables})
    return compare(plan, {**converged(plan), "link": installed}, None, NOW).errors


@pytest.mark.parametrize(
    ("installed", "wanted", "steps"),
    [
        ("1.12.4", "1.15.3", "1.13.6, then 1.14.7, then 1.15.3"),
        ("/opt/spire/1.13.6", "1.15.0", "1.14.7, then 1.15.0"),
        ("1.15.3", "1.13.6", "1.14.7, then 1.13.6"),
        ("0.11.3", "1.0.4", "0.12.3, then 1.0.4"),
        # The collection knows neither 1.98 nor 1.99.
        ("1.97.0", "1.99.1", "the last patch of 1.98, then 1.99.1"),
        ("1.99.1", "1.97.0", "the last patch of 1.98, then 1.97.0"),
    ],
)
def test_a_jump_is_refused_with_the_way_in_steps(installed: str, wanted: str, steps: str) -> None:
    (error,) = errors(installed, wanted)
    assert error.startswith(f"SPIRE {installed.rpartition('/')[2]} is installed, and spire_version is {wanted}.")
    assert f"Run site with spire_version {steps}." in error
    assert errors(installed, wanted, spire_release_jump=True) == []


@pytest.mark.parametrize(
    ("installed", "wanted"),
    [
        ("1.14.7", "1.15.3"), ("1.15.3", "1.14.0"), ("1.15.0", "1.15.3"), ("1.14.7", "1.14.99"), ("0.12.3", "1.0.4"), ("", "1.15.3"),
        ("0.0.1", "1.15.3"),
    ],
)
def test_the_next_release_is_taken(installed: str, wanted: str) -> None:
    assert errors(installed, wanted) == []


def agent(name: str, version: str, banned: bool = False) -> dict[str, object]:
    return {"id": f"spiffe://prod.acme.com/spire/agent/{name}", "version": version, "banned": banned}


def going_back(agents: list[dict[str, object]] | None, component: str = "server", **variables: object) -> tuple[list[str], list[str]]:
    plan = planned(component, {"spire_version": "1.14.7", **variables})
    found = compare(plan, {**converged(plan), "link": "1.15.3", "agents": agents}, None, NOW)
    return found.errors, found.warnings


def test_agents_go_back_before_their_server() -> None:
    newer = agent("a", "1.15.3"), agent("b", "1.15.0-dev-unk"), agent("c", "1.14.7"), agent("d", "1.15.3", banned=True)
    (error,), warnings = going_back([*newer])
    assert "spire/agent/a (1.15.3), spiffe://prod.acme.com/spire/agent/b (1.15.0-dev-unk). An agent is never newer than its server" in error
    assert "run site for them with --limit and spire_version 1.14.7." in error
    assert warnings == []
    assert going_back([*newer], spire_release_jump=True) == ([], [])


def test_a_server_goes_back_when_its_agents_have() -> None:
    assert going_back([agent("a", "1.14.0"), agent("b", "1.13.6")]) == ([], [])
    assert going_back([]) == ([], [])
    assert going_back(None, component="agent")[0] == []


@pytest.mark.parametrize("agents", [None, [agent("a", "")]])
def test_unknown_releases_of_agents_are_a_warning(agents: list[dict[str, object]] | None) -> None:
    errors, (warning,) = going_back(agents)
    assert errors == []
    assert warning.startswith("SPIRE 1.15.3 goes back to 1.14.7, and the server does not report the releases of all its agents.")
