# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every rule has a wrong and a right example, and each example breaks its rule, or keeps it.

Only reports.yml has whole messages, for the layout of reports and because they must show no secrets.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.spire.fleet.plugins.plugin_utils.common import problems
from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem, errors
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules import catalogue, registry, run as rules_run, support
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import RuleContext
from tests.support import collection
from tests.unit.builders import trees
from tests.unit.builders.fleets import BUNDLE, fleet
from tests.unit.builders.trees import Case

#: the text that stands for a trust bundle in an example
BUNDLE_TEXT = "(the servers' certificates in PEM)"
REPORTS: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "reports.yml").read_text("utf-8"))
EVERYTHING = catalogue.everything()


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("case", trees.rule_cases("wrong"), ids=lambda case: case.name)
def test_a_wrong_configuration(case: Case) -> None:
    found = trees.found(case.component, case.tree, case.release)
    own = [problem for problem in found if problem.rule == case.rule]
    assert [problem.path for problem in own] == listed(case.expected["path"])
    severity = case.expected.get("severity", EVERYTHING[case.rule].variants[0].severity)
    assert {problem.severity for problem in own} == {severity}
    assert all(case.expected.get("contains", "") in problem.message for problem in own)
    # Problems that only strict mode refuses may come in addition.
    others = {problem.rule or problem.code for problem in errors(found) if not problem.allow} - {case.rule}
    assert others == set(case.expected.get("also", ()))


@pytest.mark.parametrize("case", trees.rule_cases("right"), ids=lambda case: case.name)
def test_a_right_configuration(case: Case) -> None:
    found = trees.found(case.component, case.tree, case.release)
    assert errors(found) == [] and case.rule not in {problem.rule for problem in found}


def inventories(kind: str) -> list[Any]:
    """Returns the examples of rules about hosts and fleets that need only an inventory."""
    return [
        pytest.param(rule, example, id=f"{rule}-{number}")
        for rule, examples in catalogue.cases().items()
        for number, example in enumerate(examples.get(kind, ()), 1)
        if "config" not in example and "tested_by" not in example
    ]


def preflight(example: dict[str, Any]) -> list[Problem]:
    """Returns the problems that preflight finds in an inventory, and those that a drift check finds in the files of a server."""
    agents = example.get("agents", ["a1"])
    if isinstance(agents, int):
        agents = [f"a{number}" for number in range(1, agents + 1)]
    text = yaml.safe_dump({name: example.get(name) or {} for name in ("variables", "host_variables")}, default_style='"')
    variables = yaml.safe_load(text.replace(BUNDLE_TEXT, BUNDLE.replace("\n", "\\n")))
    made = fleet(
        variables["variables"], tuple(example.get("servers", ["s1"])), tuple(agents), example.get("groups"), **variables["host_variables"],
    )
    found = rules_run.of_fleet(made, example.get("steps"))
    if "observed" in example:
        planned = plan("server", "s1", made)
        context = RuleContext("server", planned.version, plan=planned, fleet=made, observed=example["observed"])
        found += problems.for_host(support.check(context, registry.applicable((registry.HOST,), "server", planned.version)), "s1")
    return problems.merged(found)


@pytest.mark.parametrize(("rule", "example"), inventories("wrong"))
def test_a_wrong_inventory(rule: str, example: dict[str, Any]) -> None:
    found = preflight(example)
    own = [problem for problem in found if problem.rule == rule]
    assert [problem.path for problem in own] == listed(example["path"])
    declared = EVERYTHING[rule].variants[0].severity
    severities = listed(example.get("severity", "error" if declared == "either" else declared))
    assert [problem.severity for problem in own] in (severities, severities * len(own))
    assert example.get("contains", "") in " ".join(problem.message for problem in own)
    hosts = example.get("hosts")
    if hosts is not None:
        each = hosts if hosts and isinstance(hosts[0], list) else [hosts] * len(own)
        assert [list(problem.hosts) for problem in own] == each
    others = [{"rule": problem.rule, "path": problem.path} if problem.rule else {"path": problem.path} for problem in found if problem.rule != rule]
    assert others == example.get("also", [])


@pytest.mark.parametrize(("rule", "example"), inventories("right"))
def test_a_right_inventory(rule: str, example: dict[str, Any]) -> None:
    found = preflight(example)
    assert errors(found) == [] and rule not in {problem.rule for problem in found}


def test_every_rule_has_a_wrong_and_a_right_example_beside_its_module() -> None:
    cases = catalogue.cases()
    assert set(cases) == set(EVERYTHING)
    assert [name for name, examples in cases.items() if not examples["wrong"] or not examples["right"]] == []
    modules = {name: one.subject for name, one in EVERYTHING.items() if one.subject != "options"}
    assert {name: cases[name]["module"] for name in modules} == modules


def test_a_test_that_is_named_in_an_example_exists() -> None:
    named = [example["tested_by"] for examples in catalogue.cases().values() for example in examples["wrong"] if "tested_by" in example]
    assert named
    for name in named:
        path, _colons, function = name.partition("::")
        tree = ast.parse((collection.REPO / path).read_text("utf-8"))
        assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, name


@pytest.mark.parametrize("case", REPORTS, ids=lambda case: case["name"])
def test_a_whole_report(case: dict[str, Any]) -> None:
    variables = {"spire_version": "1.15.3", **case.get("variables", {})}
    assert problems.report(preflight({**case, "variables": variables})) == case["report"]
