# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What verify says about registration entries."""

from __future__ import annotations

from ansible_collections.spire.fleet.plugins.plugin_utils.entries.desired import alias_id
from ansible_collections.spire.fleet.plugins.plugin_utils.report import entry_state
from tests.unit.builders.fleets import fleet

SERVER = {"item": {"server": "s1"}}


def test_each_kind_of_difference_is_a_problem_of_the_server() -> None:
    results = [{**SERVER, "deleted": ["fleet.b", "fleet.a"], "created": ["fleet.c"], "updated": []}, {"item": {"server": "s2"}, "msg": "no answer"}]
    assert list(entry_state.problems(results)) == [
        ("s1", "has entries that the inventory does not want any more, and that still give identities: fleet.a, fleet.b; site corrects that"),
        ("s1", "lacks entries of the inventory: fleet.c; site corrects that"),
    ]


def test_a_long_list_is_shortened() -> None:
    ((_server, text),) = entry_state.problems([{**SERVER, "deleted": [f"fleet.{number:02d}" for number in range(12)]}])
    assert "fleet.09 and 2 more" in text and "fleet.10" not in text


def test_the_entries_of_a_dead_host_are_named() -> None:
    made = fleet(agents=("a1", "a2"), groups={"web": ["a1"]})
    results = [{**SERVER, "kept": [alias_id("web", "a1"), "fleet.canary"]}]
    assert f"its server still has its entries ({alias_id('web', 'a1')})" in entry_state.of_dead_agent("a1", made, results)
    assert entry_state.of_dead_agent("a2", made, results) == ""
    assert entry_state.of_dead_agent("a1", made, []) == ""
