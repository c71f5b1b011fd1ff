# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`spire.fleet.site` works for a server on this machine whose upstream CA is in moto's Secrets Manager."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.spire.server_cli import SpireServer
from playbooks.files.quickstart import inventory, processes
from playbooks.files.quickstart.place import Place
from tests.support import spire_bin
from tests.support.moto_server import Moto, REGION, running
from tests.support.real_spire import free_port
from tests.support.real_upstream import PASSPHRASE
from tests.support.site_run import Run

HOST = "quickstart"
NAMES = {what: f"spire/{inventory.TRUST_DOMAIN}/{HOST}/{what}" for what in ("certificate", "key", "bundle")}


class Site:
    """An inventory, and runs of the playbook with it."""

    def __init__(self, place: Place, moto: Moto, binaries: Path) -> None:
        self.place, self.moto = place, moto
        programs = {"spire_install_source": "preinstalled", "spire_bin_dir": str(binaries), "spire_version": version(binaries)}
        ports = {name: free_port() for name in ("server", "server_health", "agent_health")}
        variables = inventory.variables(place, sys.executable, ports, programs)
        variables["spire_server_config"]["plugins"] = {"UpstreamAuthority": {"awssecret": {"plugin_data": {"region": REGION}}}}
        variables.update(
            spire_pki="awssecret", spire_pki_dir=str(place.directory.parent / "pki"), spire_pki_passphrase=PASSPHRASE, spire_entries=[],
            spire_server_environment=moto.environment,
        )
        listed = {"all": {"vars": variables}, "spire_servers": {"hosts": {HOST: {}}}}
        self.inventory = place.directory.parent / "inventory.json"
        self.inventory.write_text(json.dumps(listed))

    def run(self, *options: str) -> Run:
        environment = {**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_HOME": str(self.place.directory.parent / "ansible")}
        argv = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(self.inventory), *options, "spire.fleet.site"]
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=600, check=False)
        return Run(done.returncode, done.stdout, done.stderr).require()

    @property
    def pid(self) -> int:
        return processes.services(self.place).get("server", 0)

    @property
    def client(self) -> SpireServer:
        socket = self.place.paths("server").socket
        return SpireServer(str(json.loads(self.inventory.read_text())["all"]["vars"]["spire_bin_dir"]) + "/spire-server", socket)

    def value(self, what: str) -> str:
        return str(self.moto.client("secretsmanager").get_secret_value(SecretId=NAMES[what])["SecretString"])


def version(binaries: Path) -> str:
    return spire_bin.binary_version(binaries / "spire-server")


@pytest.fixture(name="site", scope="module")
def fixture_site(spire_server: Path) -> Iterator[Site]:
    # pytest's own directories are too long for the path of a socket
    base = Path(tempfile.mkdtemp(prefix="sf-"))
    place = Place(base / "q")
    with running() as moto, pytest.MonkeyPatch.context() as environment:
        for name, value in moto.environment.items():
            environment.setenv(name, value)
        environment.delenv("AWS_PROFILE", raising=False)
        try:
            yield Site(place, moto, spire_server.parent)
        finally:
            processes.end(place)
            place.forget_volatile()
            shutil.rmtree(base)


def about_aws(run: Run) -> list[str]:
    return [one for one in run.differences(HOST, "server") if one.startswith("the upstream CA in AWS: ")]


def test_site_brings_it_up_and_keeps_it(site: Site) -> None:
    checked = site.run("--check", "--diff")
    expected = [f"the upstream CA in AWS: the secret {name} is not recorded on the controller" for name in NAMES.values()]
    assert sorted(about_aws(checked)) == sorted(expected)
    assert site.moto.client("secretsmanager").list_secrets()["SecretList"] == [] and not site.pid

    site.run()
    root = (site.place.directory.parent / "pki" / inventory.TRUST_DOMAIN / "root.pem").read_text()
    assert site.client.bundle_show("pem").split() == root.split() == site.value("bundle").split()
    text = Path(site.place.paths("server").config).read_text()
    arns = [site.moto.client("secretsmanager").describe_secret(SecretId=name)["ARN"] for name in NAMES.values()]
    assert all(f'"{arn}"' in text for arn in arns)
    # The key of the upstream CA is not on the host.
    assert "PRIVATE KEY" not in text and not Path(site.place.paths("server").upstream_key).exists()

    pid = site.pid
    again = site.run()
    assert again.changed == {} and not again.acted(HOST) and site.pid == pid
    assert site.run("--check", "--diff").changed == {}


def test_what_changed_in_aws_is_mended_and_the_server_restarted_for_it(site: Site) -> None:
    site.run()
    pid, key, own = site.pid, site.value("key"), site.value("certificate")
    site.moto.client("secretsmanager").put_secret_value(SecretId=NAMES["key"], SecretString="garbage")
    checked = site.run("--check")
    assert about_aws(checked) == [f"the upstream CA in AWS: somebody else has changed the secret {NAMES['key']}"]
    assert site.value("key") == "garbage" and site.pid == pid
    site.run()
    assert site.value("key") == key and site.pid not in (0, pid)

    pid = site.pid
    (site.place.directory.parent / "pki" / inventory.TRUST_DOMAIN / "servers" / HOST / "upstream.pem").unlink()
    site.run()
    assert site.value("certificate") != own and site.value("key") == key and site.pid not in (0, pid)
    assert site.run().changed == {}
