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


def syntax(clone: Path) -> subprocess.CompletedProcess[str]:
    """Runs `molecule syntax`, whose playbook imports one of the collection's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "MOLECULE_", "PYTHON", "SPIRE_"))}
    programs = Path(sys.executable).parent
    environment = {**kept, "PATH": f"{programs}{os.pathsep}{kept['PATH']}", "NO_COLOR": "1", "HOME": str(clone.parent)}
    argv = [str(programs / "molecule"), "syntax", "-s", "default"]
    return subprocess.run(argv, cwd=clone, env=environment, capture_output=True, text=True, check=False, timeout=300)


def test_molecule_finds_the_collection(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(REPO), str(clone)], check=True)
    done = syntax(clone)
    assert done.returncode == 0, done.stdout + done.stderr
    # It is the clone's own collection that was found.
    (clone / COLLECTIONS.relative_to(REPO) / "ansible_collections" / "spire" / "fleet").unlink()
    missing = syntax(clone)
    assert missing.returncode != 0 and "spire.fleet" in missing.stdout + missing.stderr


def test_ansible_finds_the_collection(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(REPO), str(clone)], check=True)
    (clone / "inventory.yml").write_text("spire_servers:\n  hosts:\n    s1:\n  vars:\n    spire_trust_domain: prod.acme.com\n")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHON"))}
    argv = [str(Path(sys.executable).with_name("ansible-playbook")), "playbooks/site.yml", "-i", "inventory.yml", "--tags", "preflight"]
    done = subprocess.run(argv, cwd=clone, env={**kept, "HOME": str(tmp_path)}, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0 and "s1" in done.stdout, done.stdout + done.stderr


INSTALLATION = "ansible-galaxy collection install ./spire.fleet/"


@pytest.mark.parametrize("page", ["README.md", "docs/ten_minutes.md"])
def test_the_guides_install_it_from_the_directory_above(page: str) -> None:
    assert f"    {INSTALLATION}" in (REPO / page).read_text(encoding="utf-8")


def test_it_is_installed(tmp_path: Path) -> None:
    # In the clone itself, ansible-galaxy takes the link in .config for an installation, and does nothing.
    subprocess.run(["git", "clone", "--quiet", str(REPO), str(tmp_path / "spire.fleet")], check=True)
    (tmp_path / "inventory.yml").write_text("spire_servers:\n  hosts:\n    s1:\n  vars:\n    spire_trust_domain: prod.acme.com\n")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHON"))}
    environment = {**kept, "HOME": str(tmp_path / "home"), "PATH": os.pathsep.join([str(Path(sys.executable).parent), kept["PATH"]])}
    for command in (INSTALLATION, "ansible-playbook spire.fleet.site -i inventory.yml --tags preflight"):
        done = subprocess.run(command.split(), cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "home/.ansible/collections/ansible_collections/spire/fleet/MANIFEST.json").exists()
    assert "failed=0" in done.stdout


def test_the_release_without_variables_is_one() -> None:
    text = (REPO / ".config" / "molecule" / "config.yml").read_text(encoding="utf-8")
    (version,) = re.findall(r"\$\{SPIRE_TEST_VERSION:-([0-9.]+)\}", text)
    assert f"${{SPIRE_BIN_DIR:-/opt/spire/{version}/bin}}" in text
