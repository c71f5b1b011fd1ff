# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The drift check stops at a host whose clock is too far from the controller's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.playbook_run import fact, good_inventory, play, python_of_another_time


@pytest.mark.parametrize(("seconds", "off"), [(10800 + 300, "3 hours ahead of"), (-3 * 86400 - 300, "3 days behind")])
def test_a_drift_check_stops_at_a_host_with_a_wrong_clock(tmp_path: Path, seconds: int, off: str) -> None:
    inventory = good_inventory(tmp_path)
    inventory["spire_agents"]["hosts"]["a1"] = {"ansible_python_interpreter": python_of_another_time(tmp_path, seconds)}
    look = {"spire.fleet.component_drift": {"component": "agent"}, "check_mode": True}
    run = play(tmp_path, inventory, {"look": look, "more": fact("spire_clock_tolerance", abs(seconds) + 60), "tolerant": look})
    # The second line is another mistake of this host.
    first, second = run.results["look"]["msg"].splitlines()
    moments = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
    assert re.match(
        rf"a1: its clock is {off} the controller's: it is {moments} there and {moments} here, and spire_clock_tolerance is 60 seconds\. ", first
    ), first
    assert second.startswith(f"a1: {tmp_path}/bin/spire-agent is missing.")
    assert run.results["tolerant"]["msg"] == second
    assert not (tmp_path / "q").exists()
