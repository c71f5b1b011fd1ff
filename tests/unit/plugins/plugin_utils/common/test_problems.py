# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem, errors, for_host, merged, render

TYPO = Problem("unknown", "server.bind_prt", "There is no such option.", layer="spire_server_config__eu")
OLD = Problem("deprecated", "agent.experimental", "It is deprecated.", severity="warning")


def test_nothing_wrong_is_no_text() -> None:
    assert render([]) == ""


def test_a_problem_without_layer_and_host() -> None:
    assert render([Problem("x", "spire_version", "It is wrong.")]) == "error: spire_version: It is wrong."


def test_the_same_mistake_on_many_hosts_is_one_line_with_the_first_five() -> None:
    many = [problem for number in range(12, 0, -1) for problem in for_host([TYPO], f"agent{number}")]
    assert (
        render(many)
        == "error: server.bind_prt (set by spire_server_config__eu): There is no such option. "
        "[agent1, agent2, agent3, agent4, agent5 and 7 more]"
    )


def test_five_hosts_are_all_named() -> None:
    many = [problem for name in "edcba" for problem in for_host([TYPO], name)]
    assert render(many).endswith(" [a, b, c, d, e]")


def test_a_host_is_named_once() -> None:
    assert render(for_host([TYPO], "a") + for_host([TYPO], "a")).endswith(" [a]")


def test_errors_come_first_whatever_the_order() -> None:
    assert render([OLD, TYPO]) == render([TYPO, OLD])
    assert [line.split(":")[0] for line in render([OLD, TYPO]).splitlines()] == ["error", "warning"]
    assert errors([OLD, TYPO]) == [TYPO]


def test_another_layer_is_another_mistake() -> None:
    other = Problem(TYPO.code, TYPO.path, TYPO.message, layer="spire_server_config")
    assert len(merged(for_host([TYPO], "a") + for_host([other], "b"))) == 2


def test_thousands_of_hosts_are_quick_to_report() -> None:
    many = [problem for number in range(20_000) for problem in for_host([TYPO, OLD], f"host{number}")]
    assert render(many).count("\n") == 1
    assert "and 19995 more" in render(many)
