# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ansible-playbook accepts an example of examples/."""

from __future__ import annotations

from pathlib import Path

from tests.support import examples, playbook_run


def test_ansible_playbook_agrees(tmp_path: Path) -> None:
    """One example passes the tag preflight, which touches no host, when the playbook is run by its full name from another directory."""
    survey = examples.EXAMPLES / "awx" / "survey.yml"
    inventory = survey.with_name("inventory.yml")
    done = playbook_run.ansible(tmp_path, "spire.fleet.site", "-i", str(inventory), "-e", f"@{survey}", "--tags", "preflight")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Check every server and agent" in done.stdout
    assert "for drift" not in done.stdout
