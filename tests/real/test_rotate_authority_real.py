# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook rotate_authority works on servers of this machine: a self-signed one, two with one database, and nested ones."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.spire.fleet.plugins.module_utils.spire.der import key_id
from tests.support import collection
from tests.support.real_nested import EAGER, EAGER_AGENT, below
from tests.support.real_spire import RealAgent, RealServer, TRUST_DOMAIN

DOMAIN = "rotate.test"
CANARY = f"spiffe://{DOMAIN}/fleet-canary"
ANSIBLE = Path(sys.executable).with_name("ansible-playbook")
#: the greatest length of a socket's path
LONGEST = 107
#: All servers and agents are on one machine, where several would have one port for health checks.
NO_LISTENER = {"health_checks": {"listener_enabled": False}}
Rotate = Callable[..., tuple[int, str]]


@contextlib.contextmanager
def own_place() -> Iterator[None]:
    """Keeps the servers' directories out of /tmp, since a service with PrivateTmp would see another one."""
    build = collection.REPO / ".build"
    before, tempfile.tempdir = tempfile.tempdir, str(Path.home() if build.is_relative_to("/tmp") else build)
    try:
        if len(f"{tempfile.tempdir}/sf-12345678/api.sock") > LONGEST:
            pytest.skip("the path of the work tree is too long for a socket below it")
        yield
    finally:
        tempfile.tempdir = before


def canary(server: RealServer, agent: RealAgent) -> str:
    """Makes the canary entry for this agent, and waits for its SVID."""
    name = f"spiffe://{server.trust_domain}/fleet-canary"
    selectors = [dict(zip(("type", "value"), text.split(":", 1))) for text in server.selectors()]
    assert [item.code for item in server.client().entry_create([
        {"entry_id": "w", "spiffe_id": name, "selectors": selectors, "parent_id": agent.spiffe_id},
    ])] == [0]
    agent.wait_svid(name)
    return name


def rotating(run_directory: Path, server: RealServer, groups: dict[str, Any]) -> Rotate:
    """Returns `rotate("--limit", "s1", spire_rotate_authority="jwt")`, which returns the exit code and the output."""
    everybody = {
        "ansible_connection": "local", "ansible_python_interpreter": sys.executable, "spire_become": False, "spire_trust_domain": server.trust_domain,
        "spire_version": server.client().version(), "spire_install_source": "preinstalled", "spire_bin_dir": str(Path(server.binary).parent),
        "spire_rotate_settle": 1, "spire_rotate_timeout": 120, "spire_allow": ["example_trust_domain"] * (server.trust_domain == TRUST_DOMAIN),
    }
    (run_directory / "inventory.yml").write_text(yaml.safe_dump({"all": {"vars": everybody, "children": groups}}))

    def run(*more: str, **variables: Any) -> tuple[int, str]:
        argv = [str(ANSIBLE), "-i", "inventory.yml", "spire.fleet.rotate_authority", "-e", json.dumps(variables), *more]
        done = subprocess.run(argv, cwd=run_directory, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    return run


def of_server(server: RealServer, **more: Any) -> dict[str, Any]:
    """Returns the variables that lead to the server's API; preflight would refuse a server that listens on loopback alone."""
    tree = {"server": {"socket_path": str(server.socket_path), "bind_port": server.port}, **NO_LISTENER, **more}
    return {"spire_server_instance": f"at-{server.port}", "spire_server_config": tree}


def of_agent(agent: RealAgent) -> dict[str, Any]:
    tree = {"agent": {"socket_path": str(agent.socket_path), "data_dir": str(agent.directory / "data")}, **NO_LISTENER}
    return {"spire_agent_instance": agent.directory.name, "spire_agent_config": tree}


@pytest.fixture(scope="module")
def running(spire_binary: Callable[..., Path]) -> Iterator[tuple[RealServer, RealAgent]]:
    """Runs a server and an agent with the canary."""
    with own_place(), RealServer(spire_binary("spire-server"), DOMAIN) as server, RealAgent(spire_binary("spire-agent"), server) as agent:
        assert canary(server, agent) == CANARY
        yield server, agent


@pytest.fixture(scope="module")
def rotate(running: tuple[RealServer, RealAgent], tmp_path_factory: pytest.TempPathFactory) -> Rotate:
    server, agent = running
    return rotating(tmp_path_factory.mktemp("rotate"), server, {
        "spire_servers": {"hosts": {"s1": of_server(server)}}, "spire_agents": {"hosts": {"a1": of_agent(agent)}},
    })


def ids(server: RealServer, kind: str) -> tuple[str, str]:
    """Returns the IDs of the active authority and of the old one."""
    found = server.client().authorities(kind)
    return found["active"]["id"], found.get("old", {}).get("id", "")


def trusted(server: RealServer, kind: str) -> set[str]:
    """Returns the IDs of the authorities in the server's bundle."""
    found = server.client().bundle_authorities()[kind]
    return {one["id"] if kind == "jwt" else key_id(base64.b64decode(one["certificate"])) for one in found}


def asks(output: str, *names: str) -> bool:
    """Whether the output asks which old authority to revoke first, and names these servers."""
    return all(text in output for text in ("is still trusted, which the server itself", "-e spire_rotate_from=taint revokes the old ones", *names))


def test_a_jwt_key_is_replaced_and_then_revoked(running: tuple[RealServer, RealAgent], rotate: Rotate) -> None:
    server = running[0]
    first = ids(server, "jwt")[0]
    code, output = rotate(spire_rotate_authority="jwt")
    assert code == 0, output
    signs = ids(server, "jwt")[0]
    assert ids(server, "jwt") == (signs, first) and signs != first
    # An authority that was replaced before is still trusted, so the playbook asks which one to revoke.
    code, output = rotate(spire_rotate_authority="jwt", spire_rotate_revoke=True)
    assert code == 2 and asks(output, f"on s1 ({first}; it signs with {signs})")
    code, output = rotate(spire_rotate_authority="jwt", spire_rotate_revoke=True, spire_rotate_from="taint")
    assert code == 0, output
    assert trusted(server, "jwt") == {signs} == {ids(server, "jwt")[0]}


def test_both_the_old_one_and_the_one_that_signs_go(running: tuple[RealServer, RealAgent], rotate: Rotate) -> None:
    server = running[0]
    assert rotate(spire_rotate_authority="jwt")[0] == 0
    before = set(ids(server, "jwt"))
    assert len(before) == 2 and before <= trusted(server, "jwt")
    code, output = rotate(spire_rotate_authority="jwt", spire_rotate_revoke=True, spire_rotate_from="prepare")
    assert code == 0, output
    signs = ids(server, "jwt")[0]
    assert trusted(server, "jwt") == {signs} and signs not in before


def test_a_ca_is_replaced_and_revoked_in_one_go(running: tuple[RealServer, RealAgent], rotate: Rotate) -> None:
    server, agent = running
    pids, first = (server.pid, agent.pid), ids(server, "x509")[0]
    code, output = rotate(spire_rotate_authority="x509", spire_rotate_revoke=True)
    assert code == 0, output
    assert ids(server, "x509")[1] == first and len(server.client().bundle_authorities()["x509"]) == 1
    assert agent.wait_svid(CANARY)["bundle"].split() == server.client().bundle_show("pem").split()
    assert (server.pid, agent.pid) == pids


@pytest.mark.parametrize("kind", ["x509", "jwt"])
def test_one_that_was_prepared_before_goes_as_well(running: tuple[RealServer, RealAgent], rotate: Rotate, kind: str) -> None:
    """With a compromised authority, the one that was prepared before is revoked as well, because their keys were kept together."""
    server = running[0]
    prepared = server.client().authority_do(kind, "prepare")["id"]
    code, output = rotate("--check", spire_rotate_authority=kind, spire_rotate_revoke=True)
    assert code == 0 and f"spire_servers: will revoke {prepared} of s1" in output, output
    assert server.client().authorities(kind)["prepared"]["id"] == prepared
    before = {prepared, ids(server, kind)[0]}
    code, output = rotate(spire_rotate_authority=kind, spire_rotate_revoke=True)
    assert code == 0, output
    signs = ids(server, kind)[0]
    assert trusted(server, kind) == {signs} and signs not in before


def test_nobody_is_left_out(running: tuple[RealServer, RealAgent], rotate: Rotate) -> None:
    server, agent = running
    before = server.client().authorities("x509"), server.client().bundle_show("pem")
    code, output = rotate("--limit", "s1", spire_rotate_authority="x509", spire_rotate_revoke=True)
    assert code == 2 and "these are not in this run: a1. Run it without --limit" in output
    # The agent is paused. It would return with an SVID of the revoked authority.
    os.kill(agent.pid, signal.SIGSTOP)
    try:
        code, output = rotate(spire_rotate_authority="x509", spire_rotate_revoke=True)
    finally:
        os.kill(agent.pid, signal.SIGCONT)
    assert code == 2 and f"a1 is not ready yet: agent: it returns no SVID of {CANARY}: " in output, output
    assert (server.client().authorities("x509"), server.client().bundle_show("pem")) == before


def test_what_spire_does_not_take_the_trust_from_is_told(running: tuple[RealServer, RealAgent], rotate: Rotate) -> None:
    """The playbook warns of an authority that is still trusted although no server can revoke it: a server knows only its last two."""
    server = running[0]
    first = ids(server, "jwt")[0]
    for _time in range(2):
        made = server.client().authority_do("jwt", "prepare")["id"]
        server.client().authority_do("jwt", "activate", made)
    code, output = rotate(spire_rotate_authority="jwt", spire_rotate_revoke=True, spire_rotate_from="prepare")
    output = " ".join(output.split())
    assert code == 0 and f"[WARNING]: spire_servers: other jwt authorities are in the bundle and stay trusted: {first} until " in output, output
    assert trusted(server, "jwt") == {first, ids(server, "jwt")[0]}


def test_a_start_of_nothing(rotate: Rotate) -> None:
    code, output = rotate(spire_rotate_authority="jwt", spire_rotate_from="taint")
    assert code == 2 and "spire_rotate_from is taint, which tells what to revoke first, and spire_rotate_revoke is not" in output


def test_it_wants_to_be_told_which(rotate: Rotate) -> None:
    code, output = rotate()
    assert code == 2 and "Say which authorities to replace, -e spire_rotate_authority=x509 or -e spire_rotate_authority=jwt." in output


@pytest.fixture
def pair(spire_server: Path, spire_agent: Path, tmp_path: Path) -> Iterator[tuple[RealServer, RealServer, Rotate]]:
    """Runs two servers with one database, and an agent."""
    store = {"plugins": {"DataStore": {"sql": {"plugin_data": {"connection_string": f"{tmp_path}/datastore.sqlite3"}}}}}
    planned = {"plugins": {"DataStore": {"sql": {"plugin_data": {"database_type": "postgres", "connection_string": "host=db"}}}}}
    with own_place(), RealServer(spire_server, DOMAIN, store) as first, RealServer(spire_server, DOMAIN, store) as second:
        with RealAgent(spire_agent, second) as agent:
            canary(second, agent)
            yield first, second, rotating(tmp_path, first, {
                "spire_servers": {"hosts": {"s1": of_server(first, **planned), "s2": of_server(second, **planned)}},
                "spire_agents": {"hosts": {"a1": of_agent(agent)}},
            })


@pytest.mark.parametrize("kind", ["x509", "jwt"])
def test_a_run_that_came_to_its_end_between_two_servers(pair: tuple[RealServer, RealServer, Rotate], kind: str) -> None:
    first, second, rotate = pair
    stolen = ids(first, kind)[0], ids(second, kind)[0]
    prepared = first.client().authority_do(kind, "prepare")["id"]
    first.client().authority_do(kind, "activate", prepared)
    code, output = rotate(spire_rotate_authority=kind, spire_rotate_revoke=True)
    assert code == 2 and asks(output, f"on s1 ({stolen[0]}; it signs with {prepared})", f"There is none on s2 (it signs with {stolen[1]})"), output
    code, output = rotate(spire_rotate_authority=kind, spire_rotate_revoke=True, spire_rotate_from="taint")
    assert code == 0, output
    assert ids(first, kind)[0] == prepared
    signs = ids(second, kind)[0]
    assert signs not in stolen
    for server in (first, second):
        assert trusted(server, kind) == {prepared, signs}


Tiers = tuple[RealServer, RealServer, RealAgent, Rotate]


@pytest.fixture(scope="module")
def tiers(spire_binary: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tiers]:
    """Runs a root server with its agent, a nested server beside that, and an agent of the nested server."""
    server_binary, agent_binary = spire_binary("spire-server"), spire_binary("spire-agent")
    with own_place(), contextlib.ExitStack() as started:
        root = started.enter_context(RealServer(server_binary, config=EAGER))
        parent_agent = started.enter_context(RealAgent(agent_binary, root, config=EAGER_AGENT))
        site = started.enter_context(below(root, parent_agent))
        agent = started.enter_context(RealAgent(agent_binary, site, config=EAGER_AGENT))
        canary(site, agent)
        yield root, site, agent, rotating(tmp_path_factory.mktemp("tiers"), root, {
            "root_servers": {"hosts": {"root1": of_server(root)}, "vars": {"spire_server_group": "root_servers"}},
            "site_servers": {
                "hosts": {"site1": {**of_server(site), **of_agent(parent_agent)}},
                # All processes run as one user here, so the agent parent_agent the nested server must have no other SVID, such as the canary's.
                "vars": {"spire_server_group": "site_servers", "spire_upstream_server_group": "root_servers", "spire_canary": False},
            },
            "site_agents": {"hosts": {"web1": of_agent(agent)}, "vars": {"spire_server_group": "site_servers"}},
            "spire_servers": {"children": {"root_servers": {}, "site_servers": {}}},
            "spire_agents": {"children": {"site_servers": {}, "site_agents": {}}},
        })


def test_what_tiers_are_refused_before_any_of_them_begins(tiers: Tiers) -> None:
    root, site, _agent, rotate = tiers
    before = [server.client().authorities(kind) for server in (root, site) for kind in ("x509", "jwt")]
    code, output = rotate(spire_rotate_authority="x509", spire_rotate_revoke=True)
    assert code == 2 and "An upstream authority signs the CA of site1, and SPIRE neither taints nor revokes such a CA" in output, output
    assert "-e spire_rotate_group=root_servers revokes the CAs of root_servers, and with them all that they signed." in output
    for group in ("root_servers", "site_servers"):
        code, output = rotate(spire_rotate_authority="jwt", spire_rotate_revoke=True, spire_rotate_group=group)
        assert code == 2 and "nested servers and those above them have each other's JWT keys in their bundles" in output, output
    code, output = rotate("--limit", "root1", spire_rotate_authority="x509", spire_rotate_revoke=True, spire_rotate_group="root_servers")
    assert code == 2 and "these are not in this run: site1, web1." in output, output
    assert [server.client().authorities(kind) for server in (root, site) for kind in ("x509", "jwt")] == before


def test_the_jwt_keys_of_tiers_are_replaced(tiers: Tiers) -> None:
    root, site, _agent, rotate = tiers
    code, output = rotate(spire_rotate_authority="jwt")
    assert code == 0, output
    assert {ids(root, "jwt")[0], ids(site, "jwt")[0]} < trusted(root, "jwt") == trusted(site, "jwt")


def test_spire_leaves_a_revoked_jwt_key_in_the_bundles_of_other_tiers(tiers: Tiers) -> None:
    """SPIRE leaves a revoked JWT key in the bundles of other tiers, so the playbook refuses to revoke it. If this fails, it need not any more."""
    root, site, _agent, _rotate = tiers
    for server, other in ((root, site), (site, root)):
        made = server.client().authority_do("jwt", "prepare")["id"]
        old = ids(server, "jwt")[0]
        deadline = time.monotonic() + 30
        while made not in trusted(other, "jwt"):
            assert time.monotonic() < deadline
            time.sleep(0.5)
        server.client().authority_do("jwt", "activate", made)
        for what in ("taint", "revoke"):
            server.client().authority_do("jwt", what, old)
        time.sleep(7)
        found = [one["tainted"] for one in other.client().bundle_authorities()["jwt"] if one["id"] == old]
        assert old not in trusted(server, "jwt") and False in found


def test_the_ca_at_the_top_is_revoked_and_all_below_it_is_renewed(tiers: Tiers) -> None:
    root, site, agent, rotate = tiers
    first, before = ids(root, "x509")[0], ids(site, "x509")[0]
    code, output = rotate(spire_rotate_authority="x509", spire_rotate_revoke=True, spire_rotate_group="root_servers")
    assert code == 0, output
    new = ids(root, "x509")[0]
    assert trusted(root, "x509") == trusted(site, "x509") == {new} != {first}
    signs = site.client().authorities("x509")["active"]
    assert signs["id"] != before and signs["upstream_id"] == new
    svid = agent.wait_svid(f"spiffe://{TRUST_DOMAIN}/fleet-canary")
    assert svid["bundle"].split() == root.client().bundle_show("pem").split() and svid["certificates"].count("BEGIN CERTIFICATE") == 2
