# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection and SPIRE agree on hundreds of generated configurations. conformance_differences.yml explains every difference."""

from __future__ import annotations

import dataclasses
import os
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.releases import versions
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import model as schema_model
from tests.support import conformance, conformance_trees, conformance_values, sample
from tests.support.conformance import Difference, Evaluated, Oracle

#: component, release, how SPIRE is asked, which cases (True: of plugins, False: all others, None: both), and their number. An agent's
#: validate loads no plugin, 0.9.4 has no validate, and servers from 1.14 on validate the options of most plugins.
ORACLES = [
    ("server", "1.15.3", "validate", None, 200),
    ("agent", "1.15.3", "validate", False, 120),
    ("agent", "1.15.3", "start", True, 160),
    ("server", "1.14.7", "validate", None, 160),
    ("agent", "1.14.7", "validate", False, 100),
    ("agent", "1.14.7", "start", True, 100),
    ("server", "0.9.4", "start", None, 150),
    ("agent", "0.9.4", "start", None, 150),
]
SEED = os.environ.get("SPIRE_FLEET_CONFORMANCE_SEED", "conformance")
#: the number of cases of each oracle, or "all"
AMOUNT = "all" if sample.full() else os.environ.get("SPIRE_FLEET_CONFORMANCE", "")
#: the number of times that each plugin must be judged in a whole run
LEAST = 4

ENTRIES = conformance.differences()
used: set[int] = set()
held: set[str] = set()


def name(oracle: tuple[str, str, str, bool | None, int]) -> str:
    return "-".join(oracle[:3])


@pytest.mark.parametrize("oracle", ORACLES, ids=name)
def test_spire_and_we_judge_alike(
    oracle: tuple[str, str, str, bool | None, int], spire_binary: Callable[..., Path], tmp_path: Path,
) -> None:
    component, release, by, plugins, number = oracle
    binary = spire_binary(f"spire-{component}", release)
    conformance_values.make_files(tmp_path)
    limit = 0 if AMOUNT == "all" else int(AMOUNT or number)
    cases = conformance_trees.cases(component, versions.parse(release), tmp_path, SEED, limit, plugins)
    evaluated = Oracle(binary, tmp_path, by, ENTRIES).evaluate(cases)
    sound = [each for each in evaluated if not each.ours]
    assert min(len(sound), len(evaluated) - len(sound)) > 0.25 * len(evaluated) > 20
    if AMOUNT == "all" and plugins is not False:
        assert conformance.seldom(evaluated, conformance_trees.plugins(component, versions.parse(release)), LEAST) == {}
    unexplained = []
    listed: Counter[str] = Counter()
    for each in evaluated:
        if each.differs:
            reasons = conformance.explained(each, ENTRIES)
            if reasons is None:
                unexplained.append(str(each))
            else:
                used.update(ENTRIES.index(entry) for entry in reasons)
                listed[reasons[0].reason] += 1
    held.add(name(oracle))
    print(f"{name(oracle)}: {len(evaluated)} evaluated, {len(sound)} of them sound to us, {sum(listed.values())} listed differences")
    if unexplained:
        pytest.fail(f"{len(unexplained)} differences without a reason:\n" + "\n".join(unexplained), pytrace=False)


def test_no_entry_is_left_over() -> None:
    """Every entry of the file explains a difference. Only a run of all configurations on all releases can show that."""
    if AMOUNT != "all" or len(held) < len(ORACLES):
        pytest.skip(f"SPIRE_FLEET_CONFORMANCE=all tells, with every release there; {len(held)} of {len(ORACLES)} were")
    assert [entry.reason for index, entry in enumerate(ENTRIES) if index not in used] == []


def test_entries_are_written_well() -> None:
    for entry in ENTRIES:
        assert entry.we in ("take", "refuse") and re.fullmatch(r"[A-Z].*\.", entry.reason), entry
        assert entry.we == "take" or entry.code, "what we refuse is told by its code"
        assert entry.we == "refuse" or entry.contains, "what SPIRE refuses is told by its words"
        assert not entry.machine or entry.we == "take"
        for release in filter(None, (entry.since, entry.until)):
            assert schema_model.version(release) in versions.RELEASES


def evaluation(ours: list[str], taken: bool, output: str = "", kind: str = "sound") -> Evaluated:
    release = versions.parse("1.15.3")
    problems = tuple(Problem(code, "server.x", f"It is {code}.") for code in ours)
    return Evaluated(conformance_trees.Case("server", release, kind, "server.x", {}), "validate", problems, taken, output)


def test_differences_are_found_and_explained() -> None:
    number = Difference("Because.", "refuse", code="number")
    word = Difference("Because.", "take", contains="no such file")
    assert [evaluation(["number"], False).differs, evaluation([], True).differs] == [False, False]
    assert [evaluation(["number"], True).differs, evaluation([], False).differs] == [True, True]
    assert conformance.explained(evaluation(["number"], True), [word, number]) == [number]
    assert conformance.explained(evaluation(["number", "unknown"], True), [number]) is None
    assert conformance.explained(evaluation([], False, "open x: no such file"), [number, word]) == [word]
    assert conformance.explained(evaluation([], False, "unknown key"), [number, word]) is None
    old = Difference("Because.", "refuse", code="number", until="1.14.7")
    other = Difference("Because.", "refuse", code="number", oracle="start")
    assert conformance.explained(evaluation(["number"], True), [old, other]) is None


def test_a_plugin_that_is_seldom_judged_is_found() -> None:
    def of(path: str, ours: list[str]) -> Evaluated:
        made = evaluation(ours, not ours)
        return dataclasses.replace(made, case=dataclasses.replace(made.case, path=path))

    evaluated = [of("plugins.KeyManager.disk", []), of("plugins.KeyManager.disk.plugin_data.directory", ["type"]), of("server.x", [])]
    evaluated += [of("plugins.KeyManager.memory.plugin_data.x", ["unknown"])] * 2
    plugins = [("KeyManager", "disk"), ("KeyManager", "memory"), ("KeyManager", "aws_kms")]
    assert conformance.seldom(evaluated, plugins, 2) == {"KeyManager.memory": 2, "KeyManager.aws_kms": 0}
    assert conformance.seldom(evaluated, plugins[:1], 3) == {"KeyManager.disk": 2}
