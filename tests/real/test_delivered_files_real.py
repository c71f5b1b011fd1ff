# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server and an agent that attest by certificates which the run puts on the host, one of the files encrypted with Ansible Vault."""

from __future__ import annotations

import datetime
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import supervised
from tests.support.authorities import make
from tests.support.local_fleet import LocalFleet
from tests.support.site_run import Run

DATES: Any = {
    "starts": datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1),
    "ends": datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=300),
}
ROOT, OTHER = make("Root", **DATES), make("Other", **DATES)
NODE = make("node", ROOT, ca=False, uses=["digital_signature"], **DATES)


class Fleet(LocalFleet):
    """A fleet whose files are in one directory of the host, and which knows the password of the vault."""

    def __init__(self, directory: Path, binaries: Path) -> None:
        self.files = directory / "files"
        x509pop = {"private_key_path": str(self.files / "node.key"), "certificate_path": str(self.files / "node.pem")}
        server = {"spire_server_config__pop": {"plugins": {"NodeAttestor": {"x509pop": {"plugin_data": {"ca_bundle_path": str(self.files / "ca.pem")}}}}}}
        agent = {"spire_agent_config__pop": {"plugins": {"NodeAttestor": {"x509pop": {"plugin_data": x509pop}}}}}
        super().__init__(directory, binaries, spire_entries=[], **server, **agent)
        (directory / "password").write_text("correct horse")
        (directory / "node.key").write_text(NODE.key_pem())
        vault = [str(Path(sys.executable).with_name("ansible-vault")), "encrypt", "--vault-password-file", str(directory / "password")]
        subprocess.run([*vault, str(directory / "node.key")], check=True, capture_output=True)
        assert (directory / "node.key").read_text().startswith("$ANSIBLE_VAULT")

    def site(self, *options: str, ca: str = ROOT.pem, playbook: str = "site", **more: str) -> Run:
        """Runs a playbook with the files; ``more`` are those of the server, too."""
        server = {str(self.files / "ca.pem"): {"content": ca}, **{str(self.files / name): {"content": text} for name, text in more.items()}}
        agent = {str(self.files / "node.pem"): {"content": NODE.pem}, str(self.files / "node.key"): {"src": str(self.directory / "node.key")}}
        password = ("--vault-password-file", str(self.directory / "password"))
        return self.run(playbook, *password, *options, spire_server_files=server, spire_agent_files=agent)


@pytest.fixture(name="fleet", scope="module")
def fixture_fleet(spire_server: Path) -> Iterator[Fleet]:
    with supervised.directory() as directory:
        yield Fleet(directory, spire_server.parent)


def test_an_agent_attests_with_the_files_of_the_run(fleet: Fleet) -> None:
    run = fleet.site().require()
    assert (fleet.files / "node.key").read_text() == NODE.key_pem()
    assert {path.name: f"{path.stat().st_mode & 0o777:o}" for path in fleet.files.iterdir()} == {"ca.pem": "600", "node.key": "600", "node.pem": "600"}
    assert NODE.key_pem().splitlines()[1] not in run.stdout + run.stderr
    assert fleet.site().require().changed == {}
    report = next(fleet.site(playbook="verify").require().of("one", "Report on the fleet"))
    assert [one["problems"] for one in report["fleet"]] == [[], []]


def test_a_change_restarts_only_what_reads_it_at_its_start(fleet: Fleet) -> None:
    before = fleet.processes
    assert fleet.site(ca=ROOT.pem + OTHER.pem).require().changed
    after = fleet.processes
    assert after["server"] != before["server"] and after["agent"] == before["agent"]


def test_a_file_that_was_changed_or_replaced_is_mended(fleet: Fleet) -> None:
    kept = fleet.files / "node.pem"
    other = fleet.directory / "other"
    other.write_text("planted")
    kept.unlink()
    kept.symlink_to(other)
    (fleet.files / "node.key").chmod(0o644)
    checked = fleet.site("--check", "--tags", "agents", ca=ROOT.pem + OTHER.pem).require()
    assert len(checked.differences("one", "agent")) >= 2
    fleet.site("--tags", "agents", ca=ROOT.pem + OTHER.pem).require()
    assert not kept.is_symlink() and kept.read_text() == NODE.pem and other.read_text() == "planted"
    assert (fleet.files / "node.key").stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_taken_out_is_removed(fleet: Fleet) -> None:
    fleet.site("--tags", "servers", more="a file").require()
    assert (fleet.files / "more").read_text() == "a file"
    checked = fleet.site("--check", "--tags", "servers").require()
    assert f"{fleet.files / 'more'} is not used any more" in checked.differences("one", "server")
    fleet.site("--tags", "servers").require()
    assert not (fleet.files / "more").exists() and (fleet.files / "ca.pem").exists()
    assert fleet.site("--tags", "servers").require().changed == {}


def test_a_vault_without_its_password_is_named(fleet: Fleet) -> None:
    run = fleet.run("site", "--tags", "preflight", spire_agent_files={"/etc/spire/files/k": {"src": str(fleet.directory / "node.key")}})
    assert "is encrypted with Ansible Vault, and the run has not the password for it" in " ".join(run.failed["one"].split())
