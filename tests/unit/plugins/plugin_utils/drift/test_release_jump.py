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
