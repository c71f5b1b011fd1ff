# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`spire.fleet.site` refuses a key of a person's own that SPIRE's next start would fail with, and leaves the running service alone."""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from playbooks.files.quickstart import inventory, processes
from playbooks.files.quickstart.place import Place
from tests.support import spire_bin, supervised
from tests.support.authorities import DAY, make, written
from tests.support.real_spire import free_port
from tests.support.site_run import DRIFT, Run

HOST = "quickstart"
NOW = datetime.datetime.now(datetime.timezone.utc)
DATES = {"starts": NOW - DAY, "ends": NOW + 100 * DAY}
ROOT = make("Root", **DATES)  # type: ignore[arg-type]
UPSTREAM = make("Upstream", ROOT, **DATES)  # type: ignore[arg-type]
NODE = make("node", ROOT, ca=False, uses=["digital_signature"], **DATES)  # type: ignore[arg-type]
OTHER = make("Other")
DISK, X509POP = "plugins.UpstreamAuthority.disk.plugin_data", "plugins.NodeAttestor.x509pop.plugin_data"


@dataclasses.dataclass(frozen=True)
class Site:
    """A fleet on this machine with files of a person's own, and runs of playbooks with its inventory."""

    place: Place
    inventory: Path
    files: dict[str, str]

    def run(self, *options: str, playbook: str = "site") -> Run:
        environment = {**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_HOME": str(self.place.directory.parent / "ansible")}
        argv = [str(Path(sys.executable).with_name("ansible-playbook")), "-vvv", "-i", str(self.inventory), *options, f"spire.fleet.{playbook}"]
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=300, check=False)
        return Run(done.returncode, done.stdout, done.stderr)

    def put(self, name: str, text: str) -> None:
        Path(self.files[name]).write_text(text)

    @property
    def pids(self) -> dict[str, int]:
        return processes.services(self.place)


@pytest.fixture(name="site", scope="module")
def fixture_site(spire_server: Path, spire_agent: Path) -> Iterator[Site]:
    # pytest's own directories are too long for the path of a socket
    base = Path(tempfile.mkdtemp(prefix="sf-"))
    place = Place(base / "q")
    files = written(base, ca_key=UPSTREAM.key_pem(), ca=UPSTREAM.pem, root=ROOT.pem, node_key=NODE.key_pem(), node=NODE.pem)
    programs = {
        "spire_install_source": "preinstalled", "spire_bin_dir": str(spire_server.parent), "spire_version": spire_bin.binary_version(spire_agent),
    }
    variables = inventory.variables(place, sys.executable, {name: free_port() for name in ("server", "server_health", "agent_health")}, programs)
    variables["spire_entries"] = []
    variables["spire_server_config"]["plugins"] = {
        "UpstreamAuthority": {"disk": {"plugin_data": {
            "cert_file_path": files["ca"], "key_file_path": files["ca_key"], "bundle_file_path": files["root"],
        }}},
        "NodeAttestor": {"x509pop": {"plugin_data": {"ca_bundle_path": files["root"]}}},
    }
    variables["spire_agent_config"]["plugins"] = {
        "NodeAttestor": {"x509pop": {"plugin_data": {"certificate_path": files["node"], "private_key_path": files["node_key"]}}},
    }
    hosts = {"hosts": {HOST: {}}}
    (base / "inventory.json").write_text(json.dumps({"all": {"vars": variables}, "spire_servers": hosts, "spire_agents": hosts}))
    try:
        site = Site(place, base / "inventory.json", files)
        site.run().require()
        yield site
    finally:
        supervised.end(place.directory)
        shutil.rmtree(base)


def refused(site: Site, component: str, *options: str) -> str:
    """Returns the message of a run that is refused by the drift check of a component, and has changed nothing on the host."""
    before, config = site.pids, Path(site.place.paths(component).config)
    written_at = config.stat().st_mtime_ns
    run = site.run(*options)
    assert run.rc != 0 and run.changed == {} and not run.acted(HOST)
    assert site.pids == before and set(before) == {"server", "agent"} and config.stat().st_mtime_ns == written_at
    keys = [line for key in (UPSTREAM, NODE, OTHER) for line in key.key_pem().splitlines() if "-----" not in line]
    assert not any(line in run.stdout + run.stderr for line in keys)
    (message,) = run.refusals(HOST, component)
    return message


def test_good_files_need_no_change(site: Site) -> None:
    pids = site.pids
    assert set(pids) == {"server", "agent"}
    again = site.run().require()
    assert again.changed == {} and site.pids == pids
    found = {component: again.checked(HOST, component) for component in DRIFT}
    assert all(one["differs"] is False and not one.get("warnings") for one in found.values())


@pytest.mark.parametrize("options", [(), ("--check", "--diff")])
def test_another_key_of_the_upstream_ca(site: Site, options: tuple[str, ...]) -> None:
    site.put("ca_key", OTHER.key_pem())
    try:
        assert refused(site, "server", *options) == (
            f"{HOST}: {DISK}.key_file_path: The key in {site.files['ca_key']} and the first certificate in {site.files['ca']} don't belong together: "
            "their public keys differ. Put the key there that the certificate was issued for, or have another certificate issued."
        )
    finally:
        site.put("ca_key", UPSTREAM.key_pem())


@pytest.mark.parametrize("options", [(), ("--check", "--diff")])
def test_another_key_for_x509pop(site: Site, options: tuple[str, ...]) -> None:
    site.put("node_key", OTHER.key_pem())
    try:
        assert refused(site, "agent", *options) == (
            f"{HOST}: {X509POP}.private_key_path: The key in {site.files['node_key']} and the first certificate in {site.files['node']} don't belong "
            "together: their public keys differ. Put the key there that the certificate was issued for, or have another certificate issued."
        )
        verified = site.run(playbook="verify")
        assert verified.rc != 0 and f"{X509POP}.private_key_path: The key in" in "\n".join(verified.failed.values())
    finally:
        site.put("node_key", NODE.key_pem())


def test_a_certificate_of_a_ca_that_the_servers_do_not_have(site: Site) -> None:
    """The server answers from its own file in the round trip that asks for its agents."""
    foreign = make("node", make("Foreign", **DATES), key=NODE.key, ca=False, uses=["digital_signature"], **DATES)  # type: ignore[arg-type]
    site.put("node", foreign.pem)
    try:
        assert refused(site, "agent") == (
            f"{HOST}: {X509POP}.certificate_path: The certificate leads to no CA in the servers' {site.files['root']}: CN=node was issued by CN=Foreign, "
            "whose certificate is in none of them. Put missing intermediates after the certificate or into intermediates_path, or its root into the CA "
            "bundle of the servers."
        )
    finally:
        site.put("node", NODE.pem)
    assert site.run().require().changed == {}
