# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A rotation needs all its hosts in the run."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.errors import AnsibleActionFail

from ansible_collections.spire.fleet.plugins.plugin_utils.rotation.participants import require_all
from tests.support.playbook_run import run


def test_other_hosts_may_take_part() -> None:
    require_all(["s1", "a1"], ["a1", "other", "s1"], "of the trust domain")


@pytest.mark.parametrize(("way", "end"), [("", "."), ("; -e x=y names one", "; -e x=y names one.")])
def test_missing_hosts_are_named(way: str, end: str) -> None:
    with pytest.raises(AnsibleActionFail) as caught:
        require_all(["s1", "s2", "a1", "a2"], ["s1", "a1"], "of the trust domain", way)
    assert str(caught.value) == (
        "Every server and agent of the trust domain takes part in each step, and these are not in this run: s2, a2. Run it without --limit, "
        f"and with hosts that answer{end}"
    )


def test_the_root_is_not_rotated_for_some(tmp_path: Path) -> None:
    """Nothing is made on the controller, either."""
    variables = {
        "spire_version": "1.15.3", "spire_pki": "controller", "spire_pki_dir": str(tmp_path / "pki"),
        "spire_pki_passphrase": "correct horse battery",
    }
    groups = {"spire_servers": ["s1"], "spire_agents": ["a1", "a2"]}
    code, said = run(tmp_path, groups, "rotate_upstream", "-e", "spire_rotate=one", "--limit", "s1,a2", **variables)
    assert code != 0, said
    assert "Every server and agent of the trust domain takes part in each step, and these are not in this run: a1. Run it without" in said
    assert not (tmp_path / "pki").exists()
