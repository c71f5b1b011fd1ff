# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real SPIRE agents attest with the collection's certificates, keep their SPIFFE IDs when these are renewed, and survive restarts.

The code behind `spire_x509pop` and `spire_sshpop` makes the keys and certificates; only the test copies them to their places.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.host import key_request
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import node as pki_node
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.ensure import Run
from tests.support.real_spire import RealAgent, RealServer, TRUST_DOMAIN, merged
from tests.support.real_upstream import PASSPHRASE, config, delivered, now, upstream_of
from tests.unit.builders.fleets import fleet

RELEASES = ("1.15.3", "1.14.7", "1.13.6")
MODES = ("x509pop", "spiffe", "sshpop")
MEMORY = {"plugins": {"KeyManager": {"disk": None, "memory": {"plugin_data": {}}}}}


class Nodes:
    """A CA on the controller, and the key and certificate that it issues for the agent a1."""

    def __init__(self, directory: Path, mode: str, way: str, version: str, **more: Any) -> None:
        self.directory, self.mode = directory, mode
        self.name = "sshpop" if mode == "sshpop" else "x509pop"
        self.common = {
            "spire_trust_domain": TRUST_DOMAIN, "spire_version": version, "spire_pki_dir": str(directory / "pki"),
            "spire_pki_passphrase": PASSPHRASE, f"spire_{self.name}": way, **more,
        }
        if mode == "spiffe":
            spiffe = {"plugins": {"NodeAttestor": {"x509pop": {"plugin_data": {"mode": "spiffe"}}}}}
            self.common.update({"spire_pki": "controller", "spire_server_config": spiffe})
        directory.mkdir(exist_ok=True)

    def planned(self, component: str) -> Plan:
        return plan(component, "s1" if component == "server" else "a1", fleet(self.common))

    def data(self, component: str) -> dict[str, Any]:
        """Returns the plugin's options, with paths in this directory in place of those on a host."""
        made = {}
        for option, value in self.planned(component).plugin_data("NodeAttestor", self.name).items():
            made[option] = str(self.directory / Path(value).name) if str(value).startswith("/etc/") else value
        return made

    def server(self) -> dict[str, Any]:
        """Delivers the server's files; returns its configuration."""
        planned = self.planned("server")
        for authority in planned.authorities:
            authority.ensure_issuer(Run(now()))
            file = pki_node.server_file(authority.name, planned.paths)
            (self.directory / Path(file.path).name).write_text(self.planned("server").authorities[0].authorities_text())
        tree = {"plugins": {"NodeAttestor": {self.name: {"plugin_data": self.data("server")}}}}
        if self.mode == "spiffe":
            upstream = planned.upstream
            assert upstream is not None
            tree["plugins"].update(config(delivered(upstream, self.directory / "upstream"))["plugins"])
        return tree

    def bring(self) -> None:
        """Makes the agent's certificate and delivers it, as the role does."""
        planned = self.planned("agent")
        node, files = planned.node, planned.host_certificate_files
        assert node is not None
        key = self.directory / Path(files[f"{self.name}_key"].path).name
        csr = ""
        if node.key_on_host:
            csr = key_request.keep(key_request.Key(str(key), node.key_type, -1, -1, str(shutil.which("openssl"))), False, False, time.gmtime())["csr"]
        node.ensure(csr, Run(now()))
        fresh = self.planned("agent").node
        assert fresh is not None
        if not node.key_on_host:
            key.write_text(fresh.key_text())
        for name, text in fresh.files().items():
            (self.directory / Path(files[name].path).name).write_text(text)
        assert fresh.differences(now()) == []

    def agent(self) -> dict[str, Any]:
        """Delivers the agent's files; returns its configuration."""
        self.bring()
        return {"plugins": {"NodeAttestor": {"join_token": None, self.name: {"plugin_data": self.data("agent")}}}}

    def renewed(self) -> None:
        """Delivers another certificate for the same key."""
        node = self.planned("agent").node
        assert node is not None
        before = Path(node.key_files.certificate).read_text()
        Path(node.key_files.certificate).unlink()
        self.bring()
        assert Path(node.key_files.certificate).read_text() != before


def ids(server: RealServer) -> list[str]:
    return [agent["id"] for agent in server.client().agent_list()]


def attested(server: RealServer, count: int) -> int:
    """Waits until an agent has attested more often than ``count``; returns how often."""
    end = time.monotonic() + 40
    while True:
        found = server.log().count("Agent attestation request completed")
        if found > count or time.monotonic() > end:
            return found
        time.sleep(0.3)


@pytest.mark.parametrize("way", ["host", "controller"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("release", RELEASES)
def test_an_agent_keeps_its_id(spire_binary: Callable[..., Path], tmp_path: Path, release: str, mode: str, way: str) -> None:
    """The agent attests, its certificate is renewed while it runs, and it attests anew with that, the last time with an empty data directory."""
    nodes = Nodes(tmp_path, mode, way, release)
    expected = f"spiffe://{TRUST_DOMAIN}/spire/agent/{nodes.name}/a1"
    # After half of this time, the agent attests again to renew its SVID.
    tree = {**nodes.server(), "server": {"agent_ttl": "10s"}}
    with RealServer(spire_binary("spire-server", release), config=tree) as server:
        with RealAgent(spire_binary("spire-agent", release), server, token="", config=nodes.agent()) as agent:
            assert ids(server) == [expected]
            nodes.renewed()
            if mode == "sshpop":
                # The agent reads an SSH certificate only at its start, which is why the stamp covers that file.
                agent.restart()
            before = attested(server, 0)
            assert attested(server, before) > before, agent.log()[-3000:]
            agent.stop()
            shutil.rmtree(agent.directory / "data")
            before = attested(server, 0)
            agent.start()
            assert attested(server, before) > before
            assert ids(server) == [expected]


@pytest.mark.parametrize("mode", ["x509pop", "sshpop"])
def test_an_agent_with_keys_in_memory_comes_back(spire_server: Path, spire_agent: Path, tmp_path: Path, mode: str) -> None:
    nodes = Nodes(tmp_path, mode, "controller", "1.15.3")
    with RealServer(spire_server, config=nodes.server()) as server:
        with RealAgent(spire_agent, server, token="", config=merged(nodes.agent(), MEMORY)) as agent:
            assert [path.name for path in (agent.directory / "data").iterdir()] == ["agent-data.json"]
            known, before = ids(server), attested(server, 0)
            agent.restart()
            assert attested(server, before) == before + 1 and ids(server) == known


def test_an_agent_by_token_with_keys_in_memory_does_not(spire_server: Path, spire_agent: Path) -> None:
    """An agent that joined by token and has its keys in memory can't attest after a restart, which is why the playbook enrols it again."""
    with RealServer(spire_server) as server:
        with RealAgent(spire_agent, server, config=MEMORY) as agent:
            agent.stop()
            agent.token = ""
            agent.launch()
            agent.wait_log("Generating new keypair")
            agent.wait_log("join token")
            assert not agent.healthy()


def test_a_server_with_keys_in_memory(spire_server: Path, spire_agent: Path, tmp_path: Path) -> None:
    """Each restart of a server with its keys in memory adds a root to the bundle. With an upstream authority the root stays the same."""
    def roots(server: RealServer) -> int:
        return server.client().bundle_show("pem").count("BEGIN CERTIFICATE")

    with RealServer(spire_server, config=MEMORY) as server:
        assert roots(server) == 1
        server.restart()
        server.restart()
        assert roots(server) == 3
    nodes = Nodes(tmp_path, "x509pop", "controller", "1.15.3", spire_pki="controller")
    upstream = upstream_of(tmp_path)
    tree = merged(nodes.server(), merged(MEMORY, config(delivered(upstream, tmp_path / "upstream"))))
    with RealServer(spire_server, config={**tree, "server": {"agent_ttl": "10s"}}) as server:
        with RealAgent(spire_agent, server, token="", config=nodes.agent()) as agent:
            server.restart()
            before = attested(server, 0)
            assert roots(server) == 1 and attested(server, before) > before and agent.healthy()
