# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Authorities of real servers are replaced: the root above two that share a database, and a server's own.

The collection's own code takes the steps and checks them; only the test copies the files to the servers.
"""

from __future__ import annotations

import base64
import datetime
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from ansible_collections.spire.fleet.plugins.module_utils.spire import tls_chains
from ansible_collections.spire.fleet.plugins.module_utils.spire.authorities import Request, keep
from ansible_collections.spire.fleet.plugins.module_utils.spire.cli import SpireCliError
from ansible_collections.spire.fleet.plugins.module_utils.spire.der import key_id
from ansible_collections.spire.fleet.plugins.module_utils.spire.server_cli import SpireServer
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.rotation_state import State
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rotation import root as rotation_root, root_readiness
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import svid
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.ensure import Run
from tests.support import continuity, continuity_monitor
from tests.support.real_spire import RealAgent, RealServer, TRUST_DOMAIN
from tests.unit.builders.fleets import fleet

WORKLOAD = f"spiffe://{TRUST_DOMAIN}/workload"
SECONDS = 90.0
#: lifetimes on the servers; the test waits until the second server renews its own SVID, at half of its lifetime
TIMES = {"ca_ttl": "10m", "default_x509_svid_ttl": "40s"}


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)


def wait(missing: Callable[[], list[str]]) -> None:
    end = time.monotonic() + SECONDS
    while missing():
        assert time.monotonic() < end, missing()
        time.sleep(0.5)


def wait_for_a_fresh_svid(server: RealServer) -> None:
    """Waits until SPIRE won't renew the certificate that the server shows to agents for the next ten seconds."""
    def due() -> list[str]:
        found = svid.load_base64(tls_chains.of_server(server.client(), "", server.port)["shown"])
        half = found.not_valid_before_utc + (found.not_valid_after_utc - found.not_valid_before_utc) / 2
        return [f"it is renewed at {half}"] if half - now() < datetime.timedelta(seconds=10) else []

    wait(due)


@contextmanager
def entries_and_monitors(server: RealServer, agents: list[RealAgent], directory: Path) -> Iterator[dict[str, Path]]:
    """Runs a workload with a continuity monitor on each agent; yields the monitors' files."""
    selectors = [dict(zip(("type", "value"), text.split(":", 1))) for text in server.selectors()]
    for number, agent in enumerate(agents):
        entry = {"entry_id": f"w{number}", "spiffe_id": WORKLOAD, "selectors": selectors, "parent_id": agent.spiffe_id}
        assert [item.code for item in server.client().entry_create([entry])] == [0]
    files, running = {}, []
    for number, agent in enumerate(agents):
        agent.wait_svid(WORKLOAD)
        files[f"agent{number}"] = directory / f"agent{number}.jsonl"
        running.append(subprocess.Popen([sys.executable, continuity_monitor.__file__, str(agent.socket_path), str(files[f"agent{number}"])]))
    try:
        yield files
    finally:
        for process in running:
            process.kill()
            process.wait()


class Fleet:
    """Two servers with one database below one root, and an agent of each, as an inventory would define them."""

    def __init__(self, directory: Path, server_binary: Path, agent_binary: Path) -> None:
        self.directory, self.agent_binary = directory, agent_binary
        self.servers: dict[str, RealServer] = {}
        self.agents: list[RealAgent] = []
        for host in ("s1", "s2"):
            options = self.deliver(host)
            config = {"server": TIMES, "plugins": {"UpstreamAuthority": {"disk": {"plugin_data": options}}, "DataStore": {"sql": {"plugin_data": {
                "connection_string": f"{directory}/datastore.sqlite3",
            }}}}}
            self.servers[host] = RealServer(server_binary, config=config)

    def scope(self) -> rotation_root.Scope:
        common = {
            "spire_trust_domain": TRUST_DOMAIN, "spire_pki": "controller", "spire_pki_dir": str(self.directory / "pki"),
            "spire_pki_passphrase": "correct horse",
            "spire_server_config": {"plugins": {"DataStore": {"sql": {"plugin_data": {"database_type": "postgres", "connection_string": "x"}}}}},
        }
        self.fleet = fleet(common, servers=("s1", "s2"), agents=("a1", "a2"))
        return rotation_root.scope(self.fleet, "")

    def deliver(self, host: str) -> dict[str, str]:
        """Delivers to a server what a run delivers; returns the options that name the files."""
        self.scope()
        upstream = plan("server", host, self.fleet).upstream
        assert upstream
        upstream.ensure("", Run(now()))
        self.scope()
        upstream = plan("server", host, self.fleet).upstream
        assert upstream
        place = self.directory / host
        place.mkdir(exist_ok=True)
        texts = {"key": upstream.key_text(), "cert": upstream.files()["upstream_certificate"], "bundle": upstream.files()["upstream_bundle"]}
        for name, text in texts.items():
            (place / name).write_text(text)
        self.key_id = upstream.key_id
        return {f"{name}_file_path": str(place / name) for name in texts}

    def renew(self) -> None:
        """Delivers the files of the step to every server, which then gets a new CA signed with them."""
        for host, server in self.servers.items():
            self.deliver(host)
            for state in ("prepared", "activated"):
                assert keep(server.client(), Request("x509", state, upstream_id=self.key_id), False)["changed"]
                assert not keep(server.client(), Request("x509", state, upstream_id=self.key_id), False)["changed"]

    def missing(self, state: State) -> list[str]:
        found = []
        for server in self.servers.values():
            found += root_readiness.server(tls_chains.of_server(server.client(), "", server.port), True, state)
        for agent in self.agents:
            found += root_readiness.agent(tls_chains.of_agent(agent.client(), str(agent.directory / "data"), True), WORKLOAD, state, now())
        return found

    def advance(self, state: State) -> State | None:
        wait(lambda: self.missing(state))
        checked = {host: {"ready": True, "step": state.step} for host in ("s1", "s2", "a1", "a2")}
        return rotation_root.advance(self.scope(), state.step, checked, Run(now()))[0]

    def in_use(self) -> State:
        """Begins a rotation and takes it to the step use without waiting for agents."""
        state = rotation_root.begin(self.scope(), "one", Run(now()))[0]
        assert state
        self.renew()
        checked = {host: {"ready": True, "step": "trust"} for host in self.scope().hosts}
        rotation_root.advance(self.scope(), "trust", checked, Run(now()))
        self.renew()
        return state


@contextmanager
def running(made: Fleet) -> Iterator[Fleet]:
    with made.servers["s1"] as first, made.servers["s2"] as second:
        with RealAgent(made.agent_binary, first) as one, RealAgent(made.agent_binary, second) as other:
            made.agents = [one, other]
            yield made


def undo(server: RealServer, state: str, root: str) -> dict[str, Any]:
    return keep(server.client(), Request("upstream", state, root), False)


def refused(call: Callable[[], Any]) -> str:
    with pytest.raises(SpireCliError) as caught:
        call()
    return caught.value.message


@pytest.mark.parametrize("release", ["1.15.3", "1.14.7", "1.13.6"])
def test_the_root_above_two_servers(spire_binary: Callable[..., Path], tmp_path: Path, release: str) -> None:
    made = Fleet(tmp_path, spire_binary("spire-server", release), spire_binary("spire-agent", release))
    with running(made), entries_and_monitors(made.servers["s1"], made.agents, tmp_path) as files:
        first, second = made.servers["s1"], made.servers["s2"]
        pids = [process.pid for process in (first, second, *made.agents)]
        state = rotation_root.begin(made.scope(), "one", Run(now()))[0]
        assert state
        old = state.old_key_id
        # The intermediate still has a key ID of its own, so SPIRE does not recognise the root as the issuer of its CA.
        assert "SPIRE taints a root only as long as the server's last CA was signed by it" in refused(lambda: undo(first, "tainted", old))
        assert made.missing(state)
        made.renew()
        state = made.advance(state)
        assert state and state.step == "use"
        wait_for_a_fresh_svid(second)
        made.renew()
        assert "it is not possible to revoke an untainted root CA" in refused(lambda: undo(first, "revoked", old))
        assert undo(first, "tainted", old)["changed"]
        assert not undo(second, "tainted", old)["changed"]
        # SPIRE notifies only the server that tainted the root.
        assert "root CA is already tainted" in refused(lambda: second.client().upstream_do("taint", old))
        assert any("the SVID that it shows to agents is still under the old root" in text for text in made.missing(state))
        state = made.advance(state)
        assert state and state.step == "remove"
        for host in made.servers:
            made.deliver(host)
        assert undo(first, "revoked", old)["changed"] and not undo(second, "revoked", old)["changed"]
        assert made.advance(state) is None
        assert [process.pid for process in (first, second, *made.agents)] == pids
        # The restarted agent trusts the bundle after the rotation.
        made.agents[1].restart()
        made.agents[1].wait_svid(WORKLOAD)
        root = Path(made.scope().upstream.bundle_file).read_text(encoding="ascii")
        assert [server.client().bundle_show("pem").split() for server in (first, second)] == [root.split()] * 2
        time.sleep(1)
    verdict = continuity.evaluate(files)
    assert (verdict.expired, verdict.unverifiable) == ([], []), verdict
    assert verdict.seconds > 20 and all(len(found) == 2 for found in verdict.roots.values())
    assert all(found == [1, 2, 1] for found in verdict.bundles.values()), verdict.bundles


def test_a_tainted_root_goes_with_the_next_ca_as_well(spire_server: Path, spire_agent: Path, tmp_path: Path) -> None:
    """A server that has replaced its CA since it tainted the root can't revoke it by its ID, but drops it from its bundle with that CA."""
    made = Fleet(tmp_path, spire_server, spire_agent)
    made.servers.pop("s2").remove()
    with made.servers["s1"] as server:
        state = made.in_use()
        assert undo(server, "tainted", state.old_key_id)["changed"]
        # The server replaces its CA, as it does by itself when half of ca_ttl is over. Its files have only the new root, so it drops the old one.
        own(server, "x509", "prepared")
        assert len(server.client().bundle_authorities()["x509"]) == 1
        assert not undo(server, "revoked", state.old_key_id)["changed"]


def test_a_server_that_has_replaced_its_ca_signs_below_the_old_root_once_more(spire_server: Path, spire_agent: Path, tmp_path: Path) -> None:
    """A server that has replaced its CA before the old root was tainted can taint the root after the steps of sign_under_old_root.yml."""
    made = Fleet(tmp_path, spire_server, spire_agent)
    made.servers.pop("s2").remove()
    with made.servers["s1"] as server:
        state = made.in_use()
        old = state.old_key_id
        assert keep(server.client(), Request("upstream", "shown", old), False)["taintable"]
        prepared = own(server, "x509", "prepared")["authority_id"]
        assert not keep(server.client(), Request("upstream", "shown", old), False)["taintable"]
        own(server, "x509", "activated", authority_id=prepared)
        assert not keep(server.client(), Request("upstream", "shown", old), False)["taintable"]
        assert "SPIRE taints a root only as long as the server's last CA was signed by it" in refused(lambda: undo(server, "tainted", old))
        for servers_on_old_root in (["s1"], []):
            rotation_root.sign_under_old_root(made.scope(), servers_on_old_root, Run(now()))
            made.renew()
        assert keep(server.client(), Request("upstream", "shown", old), False)["taintable"]
        assert undo(server, "tainted", old)["changed"] and undo(server, "revoked", old)["changed"]
        root = x509.load_pem_x509_certificates(Path(state.new.certificate).read_bytes())
        assert x509.load_pem_x509_certificates(server.client().bundle_show("pem").encode()) == root


def own(server: RealServer, kind: str, state: str, **more: str) -> dict[str, Any]:
    return keep(server.client(), Request(kind, state, **more), False)


def in_bundle(server: SpireServer, kind: str, name: str) -> list[bool]:
    """Returns whether each copy of an authority in the bundle is tainted."""
    found = server.bundle_authorities()[kind]
    return [one["tainted"] for one in found if (one["id"] if kind == "jwt" else key_id(base64.b64decode(one["certificate"]))) == name]


@pytest.mark.parametrize("kind", ["x509", "jwt"])
def test_a_servers_own_authority(spire_server: Path, kind: str) -> None:
    with RealServer(spire_server) as server:
        first = own(server, kind, "shown")["active"]["id"]
        made = own(server, kind, "prepared")
        assert made["changed"] and made["prepared"]["id"] == made["authority_id"] and not own(server, kind, "prepared")["changed"]
        used = own(server, kind, "activated", authority_id=made["authority_id"])
        assert (used["active"]["id"], used["old"]["id"]) == (made["authority_id"], first)
        assert not own(server, kind, "activated", authority_id=made["authority_id"])["changed"]
        assert in_bundle(server.client(), kind, first) == [False]
        assert own(server, kind, "tainted")["changed"] and not own(server, kind, "tainted")["changed"]
        assert in_bundle(server.client(), kind, first) == [True]
        assert own(server, kind, "revoked")["changed"] and not own(server, kind, "revoked")["changed"]
        assert in_bundle(server.client(), kind, first) == []


def test_a_release_without_the_commands(spire_binary: Callable[..., Path]) -> None:
    old = SpireServer(str(spire_binary("spire-server", "0.9.4")), "/nowhere")
    assert refused(lambda: keep(old, Request("x509", "shown"), False)) == (
        "spire-server 0.9.4 has no `localauthority x509 show`; SPIRE has it since 1.11.0"
    )
