# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook json_schema writes JSON Schemas for editors."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import playbook_run
from tests.unit.builders.trees import NEWEST, NEXT_PATCH, UNKNOWN


@pytest.mark.parametrize(("given", "code", "errors"), [(UNKNOWN, 2, 1), ("1.14.7", 0, 0), (NEXT_PATCH, 0, 0)])
def test_the_playbook_tells_a_mistake_once(given: str, code: int, errors: int, tmp_path: Path) -> None:
    done = playbook_run.ansible(tmp_path, "spire.fleet.json_schema", "-e", f"spire_json_schema_release={given}", PWD=str(tmp_path))
    assert done.returncode == code, done.stdout + done.stderr
    assert (done.stdout + done.stderr).count("fatal: ") == errors
    assert (f"For {UNKNOWN} take a newer collection, or write {NEWEST}." in done.stdout) is bool(errors)
    assert (f"does not know SPIRE {NEXT_PATCH}, and checks everything as for {NEWEST}" in " ".join(done.stderr.split())) is (given == NEXT_PATCH)
    assert len(list((tmp_path / ".spire-schema").glob("*.json"))) == (0 if errors else 5)
