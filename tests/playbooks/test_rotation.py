# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook that rotates the upstream CA refuses a run without some of the servers and agents."""

from __future__ import annotations

from pathlib import Path

from tests.support.playbook_run import run


def test_the_root_is_not_rotated_for_some(tmp_path: Path) -> None:
    """The run is refused with a message, and makes nothing on the controller."""
    variables = {
        "spire_version": "1.15.3", "spire_pki": "controller", "spire_pki_dir": str(tmp_path / "pki"),
        "spire_pki_passphrase": "correct horse battery",
    }
    groups = {"spire_servers": ["s1"], "spire_agents": ["a1", "a2"]}
    code, output = run(tmp_path, groups, "rotate_upstream", "-e", "spire_rotate=one", "--limit", "s1,a2", **variables)
    assert code != 0, output
    assert "Every server and agent of the trust domain takes part in each step, and these are not in this run: a1. Run it without" in output
    assert not (tmp_path / "pki").exists()
