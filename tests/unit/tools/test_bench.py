# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The parts of the bench that need no host run, so that a change of what they measure does not break them unseen."""

from __future__ import annotations

import json
from pathlib import Path

from tools.bench import authorities, preflight


def test_certificates_are_made_once(tmp_path: Path) -> None:
    assert authorities.keep(tmp_path, 2) == 4
    assert authorities.keep(tmp_path, 2) == 0


def test_the_fleets_of_preflight_have_the_size_that_is_asked_for() -> None:
    for own in (False, True):
        assert json.dumps(preflight.fleet(20, own)).count("agent") >= 20
