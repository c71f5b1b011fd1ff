# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each wrong option gives exactly one problem, with its path, its code and the important part of its message."""

from __future__ import annotations

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import errors
from tests.unit.builders import trees
from tests.unit.builders.trees import Case

CASES = trees.option_cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_one_wrong_option_gives_one_problem(case: Case) -> None:
    found = trees.found(case.component, case.tree, case.release)
    severity = case.expected.get("severity", "error")
    # A mistake may also cause a warning, but the case of a warning has no mistake.
    wrong = [problem.path for problem in errors(found) if not problem.allow]
    assert wrong == ([case.expected["path"]] if severity == "error" else [])
    (problem,) = (one for one in found if (one.path, one.code, one.severity) == (case.expected["path"], case.expected["code"], severity))
    assert problem.rule == "" and problem.message == case.expected.get("message", problem.message)
    assert case.expected.get("contains", "") in problem.message


def test_there_are_enough_kinds_of_mistakes() -> None:
    assert len({(case.component, case.expected["code"], case.expected.get("contains") or case.expected["message"]) for case in CASES}) >= 120
