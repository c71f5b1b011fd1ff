# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a person reads when a release can't be had: the role's own tasks on this machine, against a page on loopback."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ansible_collections.spire.fleet.plugins.plugin_utils import releases
from tests.support import release_page, site_run

NAMES = releases.archive_names("1.15.3", platform.machine())
CONTENT, RELEASED = b"not what was released", "0" * 64
PLAY = {
    "hosts": "s1", "gather_facts": False,
    "tasks": [{
        "ansible.builtin.include_role": {"name": "spire.fleet.spire_component", "tasks_from": "install_archive.yml"},
        "vars": {"spire_component_plan": "{{ lookup('spire.fleet.planned', 'server', machine='" + platform.machine() + "') }}"},
    }],
}
MISMATCH = (
    f"its checksum did not match {RELEASED}; it was {hashlib.sha256(CONTENT).hexdigest()}. Nothing was replaced. "
    "Either it is not what SPIRE released, or spire_archive_sha256 is of another file."
)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = tmp_path_factory.mktemp("page")
    (root / "tampered").mkdir()
    (root / "tampered" / NAMES.archive).write_bytes(CONTENT)
    (root / "tampered" / NAMES.checksums).write_text(f"{RELEASED}  {NAMES.archive}\n", encoding="ascii")
    with release_page.serve(root) as address:
        yield address


@pytest.mark.parametrize(
    ("url", "more", "reason"),
    [
        ("http://me:planted-password@{page}/tampered", {}, MISMATCH),
        ("http://{page}/tampered", {"spire_archive_sha256": RELEASED, "spire_archive_download": "host"}, MISMATCH),
        (
            "http://{page}/nowhere", {"spire_archive_download": "host"},
            "Request failed: HTTP Error 404: File not found. Nothing was replaced. Set spire_archive_url to a page that the host "
            "reaches, or choose another spire_install_source.",
        ),
    ],
    ids=["the release's checksum", "a pinned checksum", "no such file"],
)
def test_what_a_download_that_failed_says(tmp_path: Path, page: str, url: str, more: dict[str, str], reason: str) -> None:
    address = page.removeprefix("http://")
    variables = {
        "ansible_connection": "local", "ansible_python_interpreter": sys.executable, "spire_trust_domain": "prod.acme.com",
        "spire_version": "1.15.3", "spire_install_root": str(tmp_path / "opt"), "spire_archive_cache": str(tmp_path / "cache"),
        "spire_archive_url": url.replace("{page}", address), **more,
    }
    (tmp_path / "inventory.yml").write_text(yaml.safe_dump({"spire_servers": {"hosts": {"s1": variables}}}))
    (tmp_path / "play.yml").write_text(yaml.safe_dump([PLAY]))
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "inventory.yml", "play.yml"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "ANSIBLE_HOME": str(tmp_path / "home"), "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"},
    )
    run = site_run.Run(done.returncode, done.stdout, done.stderr)
    place = url.replace("{page}", address).replace("me:planted-password@", "")
    assert run.failed == {"s1": f"{place}/{NAMES.archive} can't be had: {reason}"}
    assert "planted-password" not in run.stdout + run.stderr
    # neither a version, nor what was handed on
    assert list((tmp_path / "opt").iterdir()) == []
