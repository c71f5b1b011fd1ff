# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ansible-playbook accepts examples of examples/."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import examples, playbook_run


def test_ansible_playbook_agrees(tmp_path: Path) -> None:
    """One example passes the tag preflight, which touches no host, when the playbook is run by its full name from another directory."""
    inventory, answers = examples.EXAMPLES / "awx" / "inventory.yml", json.dumps(examples.answers("awx"))
    done = playbook_run.ansible(tmp_path, "spire.fleet.site", "-i", str(inventory), "-e", answers, "--tags", "preflight")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Check every server and agent" in done.stdout
    assert "for drift" not in done.stdout


def test_an_example_is_checked_without_its_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command of docs/examples.md, whose variables are in a file beside the examples."""
    inventory = str(examples.EXAMPLES / "ha_postgres" / "inventory.yml")
    variables = dict(line.split("=", 1) for line in (examples.EXAMPLES / "check.env").read_text(encoding="utf-8").splitlines())
    for name in variables:
        monkeypatch.delenv(name, raising=False)
    for environment, works in ((variables, True), ({}, False)):
        done = playbook_run.ansible(tmp_path, "spire.fleet.site", "-i", inventory, "--tags", "preflight", **environment)
        assert (done.returncode == 0) == works, done.stdout + done.stderr
