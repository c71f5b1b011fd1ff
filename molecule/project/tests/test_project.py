# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""In the directory of a project, the playbooks need no options."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support import collection

PROJECT = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "fleet"


def playbook(*arguments: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    there = {
        "ANSIBLE_COLLECTIONS_PATH": str(collection.COLLECTIONS),
        "ANSIBLE_CONNECTION_PLUGINS": str(collection.REPO / "tests" / "hosts" / "connection"),
    }
    return subprocess.run(["ansible-playbook", *arguments], cwd=PROJECT, env={**kept, **there}, capture_output=True, text=True, check=False)


def test_site_has_nothing_to_do() -> None:
    done = playbook("site.yml", "--check", "--diff")
    assert done.returncode == 0 and done.stdout.count("changed=0") == 2, done.stdout + done.stderr


def test_verify_fetches_an_svid() -> None:
    done = playbook("verify.yml")
    assert done.returncode == 0 and "spiffe://project.test" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("arguments", [("site.yml", "--limit", "agent1"), ("site.yml", "--tags", "entries"), ("upstream_check.yml",)])
def test_parts_run_as_well(arguments: tuple[str, ...]) -> None:
    done = playbook(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
