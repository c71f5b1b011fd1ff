# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Through all of that, in every second each workload had an SVID that was valid and that the others could verify."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.support import continuity

Shell = Callable[..., str]


def test_every_svid_was_valid_at_every_moment(watched: dict[str, Path], groups: dict[str, list[str]]) -> None:
    verdict = continuity.evaluate(watched)
    print(verdict)
    assert set(watched) == set(groups["spire_agents"])
    # A monitor has no SVID only in its first seconds: what it got, it keeps until it gets another one.
    assert (verdict.expired, verdict.unverifiable) == ([], []), verdict
    # The monitors saw something: SVIDs of several servers, and a bundle that grew with the servers that came.
    assert verdict.seconds > 60 * len(watched)
    assert all(verdict.renewals[name] >= 2 and verdict.bundles[name][-1] > verdict.bundles[name][0] for name in watched), verdict
    assert len({root for name in watched for root in verdict.roots[name]}) >= 3, verdict.roots
    # This check can fail: an SVID is not valid an hour later.
    lines = [json.loads(line) for line in watched["agent1"].read_text(encoding="ascii").splitlines()]
    held = next(one["svids"][0] for one in lines if one["svids"])
    assert not continuity.verifies(held["chain"], held["bundle"], lines[0]["second"] + 3600)
