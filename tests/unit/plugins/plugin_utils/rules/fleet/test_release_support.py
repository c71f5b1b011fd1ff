# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Releases that are too old for a step of site are refused. The examples of the rules are in rules/fleet/cases/release_support.yml."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import RELEASES
from ansible_collections.spire.fleet.plugins.plugin_utils.rules import run as rules_run
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.fleet import release_support
from tests.unit.builders.fleets import X509POP, fleet

ALL = tuple(release_support.STEPS)


@pytest.mark.parametrize(("run", "skip", "steps"), [
    ((), (), {"server", "agent", "entries"}), (["all"], (), {"server", "agent", "entries"}), (["preflight"], (), set()),
    (["servers"], (), {"server"}), (["agents"], (), {"agent", "entries"}), (["preflight", "entries"], (), {"entries"}),
    (["all"], ["entries"], {"server", "agent"}), (["all"], ["agents"], {"server"}),
])
def test_tags_say_which_steps_a_run_takes(run: list[str], skip: list[str], steps: set[str]) -> None:
    assert release_support.taken(run, skip) == steps


def codes(common: dict[str, Any], **more: Any) -> list[str]:
    """Returns the ids of the broken rules about releases that are too old for a step."""
    found = rules_run.of_fleet(fleet(common, **more), ALL)
    return [problem.rule for problem in found if hasattr(release_support, problem.rule or "-")]


def test_the_first_release_that_each_step_takes() -> None:
    # The two oldest releases have no health checks, which another rule reports.
    releases = [str(release) for release in RELEASES if str(release) not in ("0.8.0", "0.8.1")]
    by_release = {release: codes({"spire_version": release}) for release in releases}
    outside = {"spire_server_address": "spire.acme.com"}
    alone = {release: codes({**outside, "spire_version": release}, servers=()) for release in releases}
    last = {code: release for release, found in by_release.items() for code in found}
    assert last == {"server_release_of_site": "0.12.3", "agent_list_release": "1.5.2", "join_token_release": "1.5.6", "entry_release": "1.7.6"}
    assert [text for text, found in alone.items() if found] == [text for text in alone if text.startswith("0.")]


def test_a_fleet_without_entries_and_tokens_has_no_problem() -> None:
    pop = {"spire_agent_config": {"plugins": X509POP}, "spire_canary": False, "spire_version": "1.5.5"}
    assert codes(pop) == []
    assert codes({**pop, "spire_agent_config": {}}) == ["join_token_release"]
    assert codes({**pop, "spire_canary": True}) == ["entry_release"]
    assert codes({"spire_version": "9.9.9"}) == []


def test_entries_are_kept_through_the_first_server_of_a_group() -> None:
    assert codes({}, servers=("s1", "s2"), agents=(), s2={"spire_version": "1.7.6"}) == []
    assert codes({}, servers=("s1", "s2"), agents=(), s1={"spire_version": "1.7.6"}) == ["entry_release"]
