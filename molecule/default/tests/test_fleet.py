# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state of a fleet on its hosts, checked without any code of the collection."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from testinfra.host import Host

from tests.support import faults

SERVER_SOCKET = "/run/spire/server/sockets/main/private/api.sock"
AGENT_SOCKET = "/run/spire/agent/sockets/main/public/api.sock"
SERVER = "/opt/spire/server-main/bin/spire-server"
AGENT = "/opt/spire/agent-main/bin/spire-agent"


def ask_server(server: Host, command: str) -> dict:
    answer = json.loads(server.check_output(f"{SERVER} {command} -socketPath {SERVER_SOCKET} -output json"))
    return answer[0] if isinstance(answer, list) else answer


def fetch(agent: Host, user: str) -> list[str]:
    """Returns the SPIFFE IDs that this user gets from the Workload API; an agent learns of new entries within five seconds."""
    done = agent.run(f"runuser -u {user} -- {AGENT} api fetch x509 -socketPath {AGENT_SOCKET} -output json")
    if done.rc:
        assert "no identity issued" in done.stderr + done.stdout, done.stderr + done.stdout
        return []
    answer = json.loads(done.stdout)
    return [svid["spiffe_id"] for svid in (answer[0] if isinstance(answer, list) else answer)["svids"]]


@pytest.mark.parametrize("component", ["server", "agent"])
def test_service(component: str, groups: dict[str, list[str]], fleet_host: Callable[[str], Host]) -> None:
    for name in groups[f"spire_{component}s"]:
        service = fleet_host(name).service(f"spire-{component}@main.service")
        assert service.is_running and service.is_enabled, name
        pid = service.systemd_properties["MainPID"]
        assert fleet_host(name).check_output(f"stat -c %U /proc/{pid}") == f"spire-{component}", name


@pytest.mark.parametrize("component", ["server", "agent"])
def test_modes_and_owners(component: str, groups: dict[str, list[str]], fleet_host: Callable[[str], Host]) -> None:
    user = f"spire-{component}"
    wanted = {
        f"/etc/spire/{component}": ("root", "root", 0o755),
        f"/etc/spire/{component}/main.conf": ("root", user, 0o640),
        f"/etc/systemd/system/spire-{component}@main.service": ("root", "root", 0o644),
        f"/var/lib/spire/{component}/main": (user, user, 0o700),
        f"/opt/spire/{component}-main/bin/spire-{component}": ("root", "root", 0o755),
    }
    for name in groups[f"spire_{component}s"]:
        for path, expected in wanted.items():
            file = fleet_host(name).file(path)
            assert (file.user, file.group, file.mode) == expected, f"{name}: {path}"
        assert fleet_host(name).file(f"/opt/spire/{component}-main").is_symlink


def test_no_token_is_left(each_spire_agents: Host) -> None:
    assert not each_spire_agents.file("/run/spire-fleet/agent-main.enrol").exists


def test_sockets(each_spire_agents: Host, fleet_host: Callable[[str], Host]) -> None:
    """Every user can connect to the Workload API, and no user except the server's own can connect to its private API."""
    connect = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
    for host, path, allowed in ((each_spire_agents, AGENT_SOCKET, True), (fleet_host("server1"), SERVER_SOCKET, False)):
        done = host.run(f"runuser -u nobody -- python3 -c '{connect}' {path}")
        assert (done.rc == 0) is allowed, done.stderr
        assert allowed or "PermissionError" in done.stderr


@pytest.mark.parametrize(("component", "port"), [("server", 8085), ("agent", 8086)])
def test_health(
    component: str, port: int, groups: dict[str, list[str]], fleet_host: Callable[[str], Host]
) -> None:
    binary, socket = (SERVER, SERVER_SOCKET) if component == "server" else (AGENT, AGENT_SOCKET)
    for name in groups[f"spire_{component}s"]:
        host = fleet_host(name)
        assert "is healthy" in host.check_output(f"{binary} healthcheck -socketPath {socket}")
        for page in ("live", "ready"):
            get = f"import urllib.request as r; print(r.urlopen(\"http://127.0.0.1:{port}/{page}\").status)"
            assert host.check_output(f"python3 -c '{get}'") == "200"
        assert host.socket(f"tcp://127.0.0.1:{port}").is_listening
        assert not host.socket(f"tcp://0.0.0.0:{port}").is_listening


def test_server_lists_agents(groups: dict[str, list[str]], fleet_host: Callable[[str], Host], shell: Callable[..., str]) -> None:
    agents = ask_server(fleet_host("server1"), "agent list")["agents"]
    listed = {f"spiffe://{agent['id']['trust_domain']}{agent['id']['path']}": agent for agent in agents}
    for name in groups["spire_agents"]:
        agent = listed[faults.own_id(shell, name)]
        assert agent["attestation_type"] == "join_token" and not agent.get("banned"), name


def test_server_has_entries(groups: dict[str, list[str]], fleet_host: Callable[[str], Host]) -> None:
    entries = ask_server(fleet_host("server1"), "entry show")["entries"]
    paths = sorted(entry["spiffe_id"]["path"] for entry in entries)
    aliases = ["/fleet/spire_agents"] * len(groups["spire_agents"]) + ["/fleet/web"] * len(groups["web"])
    assert paths == sorted(["/everywhere", "/fleet-canary", "/web", *aliases])
    assert all(entry["id"].startswith("fleet.") for entry in entries)


def test_entry_reaches_every_agent(each_spire_agents: Host) -> None:
    assert fetch(each_spire_agents, "daemon") == ["spiffe://molecule.test/everywhere"]


def test_entry_of_a_group_reaches_its_agents_alone(groups: dict[str, list[str]], fleet_host: Callable[[str], Host]) -> None:
    for name in groups["spire_agents"]:
        wanted = ["spiffe://molecule.test/web"] if name in groups["web"] else []
        assert fetch(fleet_host(name), "www-data") == wanted, name
