# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Molecule finds the collection in a fresh clone, in which nobody has called make."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.collection import COLLECTIONS, REPO


INVENTORY = "spire_servers:\n  hosts:\n    s1:\n  vars:\n    spire_trust_domain: prod.acme.com\n"


def make_clone(directory: Path) -> None:
    subprocess.run(["git", "clone", "--quiet", str(REPO), str(directory)], check=True)


def run(command: str, directory: Path, home: Path) -> subprocess.CompletedProcess[str]:
    """Runs a command in a directory, with this interpreter's programs and nothing else that the caller has set for Ansible."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "MOLECULE_", "PYTHON", "SPIRE_"))}
    environment = {**kept, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}", "NO_COLOR": "1", "HOME": str(home)}
    return subprocess.run(command.split(), cwd=directory, env=environment, capture_output=True, text=True, check=False, timeout=300)


def syntax(clone: Path) -> subprocess.CompletedProcess[str]:
    """Runs `molecule syntax`, whose playbook imports one of the collection's."""
    return run("molecule syntax -s default", clone, clone.parent)


def test_molecule_finds_the_collection(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    make_clone(clone)
    done = syntax(clone)
    assert done.returncode == 0, done.stdout + done.stderr
    # It is the clone's own collection that was found.
    (clone / COLLECTIONS.relative_to(REPO) / "ansible_collections" / "spire" / "fleet").unlink()
    missing = syntax(clone)
    assert missing.returncode != 0 and "spire.fleet" in missing.stdout + missing.stderr


def test_ansible_finds_the_collection(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    make_clone(clone)
    (clone / "inventory.yml").write_text(INVENTORY)
    done = run("ansible-playbook playbooks/site.yml -i inventory.yml --tags preflight", clone, tmp_path)
    assert done.returncode == 0 and "s1" in done.stdout, done.stdout + done.stderr


INSTALLATION = "ansible-galaxy collection install ./spire.fleet/"


@pytest.mark.parametrize("page", ["README.md", "docs/ten_minutes.md"])
def test_the_guides_install_it_from_the_directory_above(page: str) -> None:
    assert f"    {INSTALLATION}" in (REPO / page).read_text(encoding="utf-8")


def test_it_is_installed(tmp_path: Path) -> None:
    # In the clone itself, ansible-galaxy takes the link in .config for an installation, and does nothing.
    make_clone(tmp_path / "spire.fleet")
    (tmp_path / "inventory.yml").write_text(INVENTORY)
    for command in (INSTALLATION, "ansible-playbook spire.fleet.site -i inventory.yml --tags preflight"):
        done = run(command, tmp_path, tmp_path / "home")
        assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "home/.ansible/collections/ansible_collections/spire/fleet/MANIFEST.json").exists()
    assert "failed=0" in done.stdout


def test_the_release_without_variables_is_one() -> None:
    text = (REPO / ".config" / "molecule" / "config.yml").read_text(encoding="utf-8")
    (version,) = re.findall(r"\$\{SPIRE_TEST_VERSION:-([0-9.]+)\}", text)
    assert f"${{SPIRE_BIN_DIR:-/opt/spire/{version}/bin}}" in text
