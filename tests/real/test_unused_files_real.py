# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys and certificates are removed once server and agent run without them, and a run stops if the controller has lost a CA.

The host is this machine, in one directory and without root, as in the quickstart.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from playbooks.files.quickstart import inventory, processes
from playbooks.files.quickstart.place import Place
from tests.support import spire_bin
from tests.support.real_spire import free_port
from tests.support.real_upstream import PASSPHRASE
from tests.support.site_run import Run

HOST, NEW = "quickstart", "anew"
ON = {
    "spire_pki": "host", "spire_x509pop": "host", "spire_pki_passphrase": PASSPHRASE, "spire_server_environment": {"FLEET_WORD": "planted"},
}
#: a script that runs SPIRE, but whose validate refuses every configuration
REFUSING = '#!/bin/sh\n[ "$1" = validate ] && exit 1\nexec {binary} "$@"\n'


class Site:
    """This machine as a host, and runs of the playbook on it."""

    def __init__(self, place: Place, binaries: Path) -> None:
        self.place, self.binaries, self.grows = place, binaries, False
        self.ports = {name: free_port() for name in ("server", "server_health", "agent_health")}
        self.refusing = place.directory.parent / "refusing"
        self.refusing.mkdir()
        for name in ("spire-server", "spire-agent"):
            (self.refusing / name).write_text(REFUSING.format(binary=binaries / name))
            (self.refusing / name).chmod(0o755)

    def run(self, *options: str, binaries: Path | None = None, **more: Any) -> Run:
        version = spire_bin.binary_version(self.binaries / "spire-server")
        programs = {"spire_install_source": "preinstalled", "spire_bin_dir": str(binaries or self.binaries), "spire_version": version}
        variables = inventory.variables(self.place, sys.executable, self.ports, programs)
        variables.update(ansible_host="127.0.0.1", spire_pki_dir=str(self.pki), spire_entries=[], **more)
        # The first agent of the inventory was never installed.
        health = {"health_checks": {"bind_port": str(free_port())}}
        new = {"spire_root_dir": str(self.place.directory.parent / "n"), "spire_agent_config": health, "spire_agent_instance": NEW}
        agents = {**({NEW: new} if self.grows else {}), HOST: {}}
        listed = {"all": {"vars": variables}, "spire_servers": {"hosts": {HOST: {}}}, "spire_agents": {"hosts": agents}}
        file = self.place.directory.parent / "inventory.json"
        file.write_text(json.dumps(listed))
        home = str(self.place.directory.parent / "ansible")
        environment = {**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_HOME": home}
        argv = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(file), *options, "spire.fleet.site"]
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=600, check=False)
        return Run(done.returncode, done.stdout, done.stderr)

    @property
    def pki(self) -> Path:
        return self.place.directory.parent / "pki"

    def files(self, component: str) -> list[Path]:
        """Returns the files that these variables bring to the host, and that a run without the variables removes."""
        paths = self.place.paths(component)
        if component == "agent":
            return [Path(paths.node_key("x509pop")), Path(paths.node_certificate("x509pop"))]
        upstream = (paths.upstream_key, paths.upstream_certificate, paths.upstream_bundle)
        return [Path(path) for path in (paths.node_authorities("x509pop"), *upstream, paths.environment)]

    def there(self, component: str) -> list[bool]:
        return [path.exists() for path in self.files(component)]

    def pid(self, component: str) -> int:
        return processes.services(self.place).get(component, 0)


@pytest.fixture(name="site", scope="module")
def fixture_site(spire_server: Path, spire_agent: Path) -> Iterator[Site]:
    assert spire_agent.parent == spire_server.parent
    # pytest's own directories are too long for the path of a socket
    base = Path(tempfile.mkdtemp(prefix="sf-"))
    place = Place(base / "q")
    try:
        yield Site(place, spire_server.parent)
    finally:
        processes.end(place)
        place.forget_volatile()
        shutil.rmtree(base)


def test_a_run_without_the_cas_stops_before_it_makes_others(site: Site) -> None:
    """A run whose controller has lost the CAs stops before it makes others. One of the hosts has no certificate yet."""
    site.run(**ON).require()
    pids = [site.pid(component) for component in ("server", "agent")]
    moved_pki = site.pki.with_name("moved_pki")
    site.pki.rename(moved_pki)
    site.grows = True
    paths = {component: site.place.paths(component) for component in ("server", "agent")}
    messages = {
        "server": {
            paths["server"].upstream_certificate: "was issued by CN=SPIRE root CA",
            paths["server"].node_authorities("x509pop"): "is the CA CN=SPIRE node CA",
        },
        "agent": {paths["agent"].node_certificate("x509pop"): "was issued by CN=SPIRE node CA"},
    }
    try:
        for options in (("--check",), (), ("--tags=agents",), ("--limit=!" + NEW, "--tags=agents")):
            run = site.run(*options, **ON)
            (expected,) = run.failed.values()
            assert run.changed == {} and not any(run.acted(host) for host in (HOST, NEW))
            for path, message in {**messages["server"], **messages["agent"]}.items():
                assert f"{HOST}: {path} {message}" in expected
            assert not site.pki.exists()
        # The agent's own drift check must find this as well, because a run may have no play for servers.
        run = site.run("--start-at-task=Check the agent for drift", "--tags=agents", f"--limit={HOST}", **ON)
        for path, message in messages["agent"].items():
            assert f"{HOST}: {path} {message}" in run.failed[HOST]
        assert not site.pki.exists() and [site.pid(component) for component in ("server", "agent")] == pids
    finally:
        site.grows = False
        moved_pki.rename(site.pki)
    assert site.run(**ON).require().changed == {}


@pytest.mark.parametrize("component", ["agent", "server"])
def test_they_go_once_nothing_runs_with_them(site: Site, component: str) -> None:
    """Obsolete files are removed only after the process runs without them. The agent's come first, since it won't trust the server's other root."""
    if component == "agent":
        site.run(**ON).require()
    off = {**ON, "spire_x509pop": "none"} if component == "agent" else {}
    files, pid, tag = site.files(component), site.pid(component), f"--tags={component}s"
    assert all(site.there(component)) and pid
    expected = {f"{path} is not used any more" for path in files}
    interrupted = files[0].with_name(f".fleet-secret-{files[0].name}.0a1b")
    interrupted.write_text("planted")

    checked = site.run("--check", tag, **off).require()
    assert {one for one in checked.differences(HOST, component) if "not used" in one} == expected
    assert all(site.there(component)) and interrupted.exists() and site.pid(component) == pid

    refused = site.run(tag, binaries=site.refusing, **off)
    assert refused.rc and "SPIRE refuses the new configuration" in refused.failed[HOST]
    # All files with which the process runs and could restart still exist. The temporary file of a interrupted run was removed.
    assert all(site.there(component)) and not interrupted.exists() and site.pid(component) == pid
    assert f'"{files[0]}"' in Path(site.place.paths(component).config).read_text()

    done = site.run(tag, **off).require()
    assert set(done.differences(HOST, component)) >= expected
    assert not any(site.there(component)) and site.pid(component) not in (0, pid)
    assert f'"{files[0]}"' not in Path(site.place.paths(component).config).read_text()
    assert site.run(tag, **off).require().changed == {}

    # An earlier run was killed just before it removed the last file.
    files[0].write_text("planted")
    pid = site.pid(component)
    done = site.run(tag, **off).require()
    assert done.differences(HOST, component) == [f"{files[0]} is not used any more"]
    assert done.changed == {HOST: ["Remove obsolete files"]}
    assert not files[0].exists() and site.pid(component) == pid != 0
    assert site.run("--check", tag, **off).require().changed == {}
