# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clocks that disagree: in numbers, and as a look tells it of a host whose interpreter lives in another hour."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.common import clocks
from ansible_collections.spire.fleet.plugins.plugin_utils.common.clocks import Clock
from tests.playbooks.test_actions import good_inventory, play
from tests.support.authorities import NOW

TOLERATED = 60


def test_a_clock_is_as_far_off_as_is_certain() -> None:
    # asked at 100, answered at 110: the host read its clock somewhere between
    assert Clock.between(100, 105, 110).off == 0
    assert Clock.between(100, 100, 110).off == Clock.between(100, 110, 110).off == 0
    assert Clock.between(100, 171, 110).off == 61
    assert Clock.between(100, 39, 110).off == 61
    assert Clock.between(100, 39, 110) == Clock(-71, -61)


@pytest.mark.parametrize(
    ("clock", "told"),
    [
        (Clock(60, 65), ""),
        (Clock(-65, -60), ""),
        (Clock(61, 65), "its clock is 61 seconds ahead of the controller's: it is 2030-01-02 00:01:01 UTC there"),
        (Clock(-65, -61), "its clock is 61 seconds behind the controller's: it is 2030-01-01 23:58:59 UTC there"),
        (Clock(-7205, -7200), "its clock is 2 hours behind the controller's: it is 2030-01-01 22:00:00 UTC there"),
    ],
)
def test_what_is_told(clock: Clock, told: str) -> None:
    found = clocks.apart(clock, TOLERATED, NOW)
    assert found == ([f"{told} and 2030-01-02 00:00:00 UTC here, and spire_clock_tolerance is 60 seconds. Certificates that one of them "
                      "issues are not valid yet, or have expired, for the other. Set the clock that is wrong, and keep it synchronised, for example with "
                      "chrony."] if told else [])


def test_hosts_among_each_other() -> None:
    """Each is near enough to the controller, and they are too far from each other."""
    near = {"a": Clock(40, 45), "b": Clock(0, 1), "c": Clock(-30, -20)}
    assert clocks.among(near, TOLERATED) == {}
    assert clocks.among({**near, "c": Clock(-30, -25)}, TOLERATED) == {
        "a": "its clock is 65 seconds ahead of c's: certificates that one of them issues are not valid yet, or have expired, for the other. "
             "Set the clock that is wrong",
        "c": "its clock is 65 seconds behind a's: certificates that one of them issues are not valid yet, or have expired, for the other. "
             "Set the clock that is wrong",
    }
    assert clocks.among({"a": Clock(90, 91)}, TOLERATED) == {}


def python_of_another_time(directory: Path, seconds: int) -> str:
    """An interpreter for which it is later, or earlier, than it is."""
    place = directory / f"off{seconds}"
    place.mkdir()
    (place / "sitecustomize.py").write_text(f"import time\nreal = time.time\ntime.time = lambda: real() + {seconds}\n")
    program = place / "python"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={place} exec {sys.executable} "$@"\n')
    program.chmod(0o755)
    return str(program)


@pytest.mark.parametrize(("seconds", "off"), [(10800 + 300, "3 hours ahead of"), (-3 * 86400 - 300, "3 days behind")])
def test_a_drift_check_stops_at_a_host_of_another_time(tmp_path: Path, seconds: int, off: str) -> None:
    inventory = good_inventory(tmp_path)
    inventory["spire_agents"]["hosts"]["a1"] = {"ansible_python_interpreter": python_of_another_time(tmp_path, seconds)}
    look = {"spire.fleet.component_drift": {"component": "agent"}, "check_mode": True}
    run = play(tmp_path, inventory, {"look": look, "tolerant": {**look, "vars": {"spire_clock_tolerance": abs(seconds) + 60}}})
    # beside it, what else is wrong with this host
    first, second = run.results["look"]["msg"].splitlines()
    moments = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
    assert re.match(
        rf"a1: its clock is {off} the controller's: it is {moments} there and {moments} here, and spire_clock_tolerance is 60 seconds\. ", first
    ), first
    assert second.startswith(f"a1: {tmp_path}/bin/spire-agent is missing.")
    assert run.results["tolerant"]["msg"] == second
    assert not (tmp_path / "q").exists()
