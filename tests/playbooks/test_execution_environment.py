# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The execution environment has everything that the collection needs: a root with nothing else plans fleets and makes a CA in (moto's) AWS."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support import collection
from tests.support.moto_server import REGION, running

DEFINITION = collection.REPO / "examples" / "project" / "execution-environment.yml"
BUILDER = Path(sys.executable).with_name("ansible-builder")


def run(*argv: str, cwd: Path, **environment: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHON", "AWS_"))}
    done = subprocess.run(argv, cwd=cwd, env={**kept, **environment}, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(name="packages", scope="module")
def fixture_packages(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Returns the Python packages that ansible-builder finds for the collection, and those of the definition."""
    found = run(str(BUILDER), "introspect", str(collection.COLLECTIONS), cwd=tmp_path_factory.mktemp("e"))
    of_collections = [line.partition("#")[0].strip() for line in yaml.safe_load(found)["python"]]
    own = yaml.safe_load(DEFINITION.read_text())["dependencies"]
    return [*of_collections, own["ansible_core"]["package_pip"], own["ansible_runner"]["package_pip"]]


def test_the_context_is_complete(tmp_path: Path) -> None:
    shutil.copytree(DEFINITION.parent, tmp_path / "project")
    run(str(BUILDER), "create", "--context", "context", cwd=tmp_path / "project")
    context = tmp_path / "project" / "context"
    recipe = (context / "Containerfile").read_text()
    assert "ansible-core>=2.17 ansible-runner>=2.4" in recipe and "introspect.py introspect" in recipe
    wanted = yaml.safe_load((DEFINITION.parent / "collections" / "requirements.yml").read_text())
    assert yaml.safe_load((context / "_build" / "requirements.yml").read_text()) == wanted


def test_the_packages_are_enough(packages: list[str], tmp_path: Path) -> None:
    assert any(package.startswith("boto3") for package in packages)
    run(sys.executable, "-m", "venv", "root", cwd=tmp_path)
    python = tmp_path / "root" / "bin" / "python"
    run(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages, cwd=tmp_path)
    environment = {"ANSIBLE_COLLECTIONS_PATH": str(collection.COLLECTIONS), "HOME": str(tmp_path)}
    playbook = str(python.with_name("ansible-playbook"))
    for example in ("minimal", "nested"):
        inventory = collection.REPO / "examples" / example / "inventory.yml"
        assert "failed=0" in run(playbook, "spire.fleet.site", "--tags", "preflight", "-i", str(inventory), cwd=tmp_path, **environment)
    (tmp_path / "inventory.yml").write_text(yaml.safe_dump({
        "spire_servers": {"hosts": {"s1": {}}, "vars": {
            "spire_trust_domain": "prod.acme.com", "spire_pki": "awssecret", "spire_pki_passphrase": "planted-passphrase-2b7f",
            "spire_pki_dir": str(tmp_path / "pki"), "ansible_connection": "local", "ansible_python_interpreter": str(python),
            "spire_server_config": {"plugins": {"UpstreamAuthority": {"awssecret": {"plugin_data": {"region": REGION}}}}},
        }},
    }))
    (tmp_path / "ca.yml").write_text(yaml.safe_dump([{"hosts": "s1", "gather_facts": False, "tasks": [{"spire.fleet.upstream_ca": None}]}]))
    with running() as moto:
        assert "changed=1" in run(playbook, "-i", "inventory.yml", "ca.yml", cwd=tmp_path, **environment, **moto.environment)
