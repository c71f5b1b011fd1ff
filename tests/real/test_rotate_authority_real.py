# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook spire.fleet.rotate_authority on a server and an agent of this machine, which sign for themselves."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import collection
from tests.support.real_spire import RealAgent, RealServer

DOMAIN = "rotate.test"
CANARY = f"spiffe://{DOMAIN}/fleet-canary"
ANSIBLE = Path(sys.executable).with_name("ansible-playbook")
#: of a socket's path
LONGEST = 107


@pytest.fixture(scope="module")
def running(spire_binary: Callable[..., Path]) -> Iterator[tuple[RealServer, RealAgent]]:
    """A server and an agent, with the canary. Not below /tmp: a service of the inventory's would see another one."""
    before, tempfile.tempdir = tempfile.tempdir, str(collection.REPO / ".build")
    try:
        if len(f"{tempfile.tempdir}/sf-12345678/api.sock") > LONGEST:
            pytest.skip("the path of the work tree is too long for a socket below it")
        with RealServer(spire_binary("spire-server"), DOMAIN) as server, RealAgent(spire_binary("spire-agent"), server) as agent:
            selectors = [dict(zip(("type", "value"), text.split(":", 1))) for text in server.selectors()]
            entry = {"entry_id": "w", "spiffe_id": CANARY, "selectors": selectors, "parent_id": agent.spiffe_id}
            assert [item.code for item in server.client().entry_create([entry])] == [0]
            agent.wait_svid(CANARY)
            yield server, agent
    finally:
        tempfile.tempdir = before


@pytest.fixture(scope="module")
def rotate(running: tuple[RealServer, RealAgent], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[int, str]]:
    """`rotate(spire_rotate_authority="jwt")`: the exit code and what was said."""
    server, agent = running
    home = tmp_path_factory.mktemp("rotate")
    everybody = {
        "ansible_connection": "local", "ansible_python_interpreter": sys.executable, "spire_become": False, "spire_trust_domain": DOMAIN,
        "spire_version": server.client().version(), "spire_install_source": "preinstalled", "spire_bin_dir": str(Path(server.binary).parent),
        "spire_rotate_settle": 1,
    }
    # only where the API is matters here; that the server listens on loopback alone, preflight would refuse
    hosts = {
        "spire_servers": {"s1": {"spire_server_config": {"server": {"socket_path": str(server.socket_path), "bind_port": server.port}}}},
        "spire_agents": {"a1": {"spire_agent_config": {"agent": {
            "socket_path": str(agent.socket_path), "data_dir": str(agent.directory / "data"),
        }}}},
    }
    inventory = {"all": {"vars": everybody, "children": {group: {"hosts": members} for group, members in hosts.items()}}}
    (home / "inventory.yml").write_text(yaml.safe_dump(inventory))

    def run(**variables: Any) -> tuple[int, str]:
        argv = [str(ANSIBLE), "-i", "inventory.yml", "spire.fleet.rotate_authority", "-e", json.dumps(variables)]
        done = subprocess.run(argv, cwd=home, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    return run


def ids(server: RealServer, kind: str) -> tuple[str, str]:
    """Of the authority that signs, and of the one before."""
    found = server.client().authorities(kind)
    return found["active"]["id"], found.get("old", {}).get("id", "")


def test_a_jwt_key_is_replaced_and_then_revoked(running: tuple[RealServer, RealAgent], rotate: Callable[..., tuple[int, str]]) -> None:
    server = running[0]
    first = ids(server, "jwt")[0]
    code, said = rotate(spire_rotate_authority="jwt")
    assert code == 0, said
    signs = ids(server, "jwt")[0]
    assert ids(server, "jwt") == (signs, first) and signs != first
    # one that was replaced before is trusted still: which is meant?
    code, said = rotate(spire_rotate_authority="jwt", spire_rotate_revoke=True)
    assert code == 2 and (
        f"s1 has an old jwt authority, {first}: it was replaced before, by the server itself or by a run that did not come to its end. "
        f"-e spire_rotate_from=taint takes the trust from that one, and replaces none; -e spire_rotate_from=prepare replaces {signs} and takes "
        "the trust from that."
    ) in said
    code, said = rotate(spire_rotate_authority="jwt", spire_rotate_revoke=True, spire_rotate_from="taint")
    assert code == 0, said
    assert [key["id"] for key in server.client().bundle_authorities()["jwt"]] == [signs] == [ids(server, "jwt")[0]]


def test_a_ca_is_replaced_and_revoked_in_one_go(running: tuple[RealServer, RealAgent], rotate: Callable[..., tuple[int, str]]) -> None:
    server, agent = running
    pids, first = (server.pid, agent.pid), ids(server, "x509")[0]
    code, said = rotate(spire_rotate_authority="x509", spire_rotate_revoke=True)
    assert code == 0, said
    assert ids(server, "x509")[1] == first and len(server.client().bundle_authorities()["x509"]) == 1
    assert agent.wait_svid(CANARY)["bundle"].split() == server.client().bundle_show("pem").split()
    assert (server.pid, agent.pid) == pids


def test_it_wants_to_be_told_which(rotate: Callable[..., tuple[int, str]]) -> None:
    code, said = rotate()
    assert code == 2 and "Say which authorities to replace, -e spire_rotate_authority=x509 or -e spire_rotate_authority=jwt." in said
