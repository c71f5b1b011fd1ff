# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The selectors that real SPIRE makes are those of the catalogue, for all attestors that need no cloud."""

from __future__ import annotations

import datetime
import re
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from ansible_collections.spire.fleet.plugins.plugin_utils.releases import versions
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import selectors

from tests.support import authorities, spire_bin
from tests.support.real_spire import RealAgent, RealServer, TRUST_DOMAIN, free_port

#: the releases to test: the newest one, and two older ones if this machine has them
RELEASES = (None, "1.14.7", "1.13.6")
SELECTOR = re.compile(r'type:\s*\\?"([a-z_0-9]+)\\?"\s+value:\s*\\?"([^"\\]*)')


def release_of(binary: Path) -> versions.Version:
    return versions.parse(spire_bin.binary_version(binary))


def evaluate(kind: str, release: versions.Version, data: dict[str, Any], made: Iterable[tuple[str, str]]) -> set[str]:
    """Returns the keys of the selectors that SPIRE made; fails for a selector that the catalogue doesn't have."""
    keys = set()
    for name, text in made:
        known = [
            (selector, rest)
            for selector in selectors.made(kind, name, release, data)
            for rest in [selector.rest(text)]
            if rest is not None and selector.fits(rest)
        ]
        assert known, f"SPIRE {release} makes {name}:{text}, and the catalogue does not know it"
        keys.add(known[0][0].key)
    return keys


def expected(kind: str, name: str, release: versions.Version, data: dict[str, Any]) -> set[str]:
    return {selector.key for selector in selectors.made(kind, name, release, data)}


@pytest.fixture(params=RELEASES, ids=[release or "newest" for release in RELEASES])
def binaries(request: pytest.FixtureRequest, spire_binary: Callable[..., Path]) -> tuple[Path, Path]:
    """Returns the programs of a server and an agent of one release."""
    return spire_binary("spire-server", request.param), spire_binary("spire-agent", request.param)


@pytest.mark.parametrize("data", [
    {}, {"discover_workload_path": True}, {"discover_workload_path": True, "workload_size_limit": -1},
], ids=["plain", "path", "unhashed"])
def test_unix(data: dict[str, Any], binaries: tuple[Path, Path]) -> None:
    config = {"plugins": {"WorkloadAttestor": {"unix": {"plugin_data": data}}}}
    with RealServer(binaries[0]) as server, RealAgent(binaries[1], server, config=config) as agent:
        # The caller has no entry, but the agent logs its selectors all the same.
        subprocess.run(
            [str(binaries[1]), "api", "fetch", "x509", "-socketPath", str(agent.socket_path), "-timeout", "3s"],
            capture_output=True, timeout=60, check=False,
        )
        agent.wait_log("PID attested to have selectors")
        (line, *_others) = [line for line in agent.log().splitlines() if "PID attested to have selectors" in line]
    release = release_of(binaries[1])
    wanted = expected("WorkloadAttestor", "unix", release, data)
    # A process without supplementary groups has no selectors of these two kinds.
    assert evaluate("WorkloadAttestor", release, data, SELECTOR.findall(line)) | {"supplementary_gid", "supplementary_group"} == wanted


class Authority:
    """A CA, and the key and certificate that it issued to a host."""

    def __init__(self, directory: Path) -> None:
        self.ca, self.certificate, self.key = (directory / name for name in ("ca.pem", "host.pem", "host.key"))
        now = datetime.datetime.now(datetime.timezone.utc)
        starts, ends = now - datetime.timedelta(1), now + datetime.timedelta(1)
        name = x509.UniformResourceIdentifier(f"x509pop://{TRUST_DOMAIN}/stage/production")
        ca = authorities.make("Acme CA", starts=starts, ends=ends)
        host = authorities.make(
            "web1.acme.com", ca, ca=False, starts=starts, ends=ends, uses=("digital_signature",),
            more=[x509.SubjectAlternativeName([name])],
        )
        for file, text in ((self.ca, ca.pem), (self.certificate, host.pem), (self.key, host.key_pem())):
            file.write_text(text, "utf-8")


def selectors_of_the_agent(server: RealServer) -> list[tuple[str, str]]:
    """Returns the type and the value of each selector that the server gave to its only agent."""
    (agent,) = server.client().agent_list()
    return [(kind, value) for kind, _colon, value in (selector.partition(":") for selector in agent["selectors"])]


def of_node(binaries: tuple[Path, Path], name: str, on_server: dict[str, Any], on_agent: dict[str, Any]) -> set[str]:
    """Returns the keys of the selectors that a server gave to an agent."""
    here = {"plugins": {"NodeAttestor": {"join_token": None, name: {"plugin_data": on_server}}}}
    there = {"plugins": {"NodeAttestor": {"join_token": None, name: {"plugin_data": on_agent}}}}
    with RealServer(binaries[0], config=here) as server, RealAgent(binaries[1], server, token="", config=there):
        made = selectors_of_the_agent(server)
    return evaluate("NodeAttestor", release_of(binaries[0]), on_server, made)


def test_x509pop(binaries: tuple[Path, Path], tmp_path: Path) -> None:
    host = Authority(tmp_path)
    on_server = {"ca_bundle_path": str(host.ca)}
    on_agent = {"certificate_path": str(host.certificate), "private_key_path": str(host.key)}
    made = of_node(binaries, "x509pop", on_server, on_agent)
    assert made == expected("NodeAttestor", "x509pop", release_of(binaries[0]), on_server)


def test_http_challenge(binaries: tuple[Path, Path]) -> None:
    port = free_port()
    on_server = {"allowed_dns_patterns": [r"^127\.0\.0\.1$"], "required_port": port}
    made = of_node(binaries, "http_challenge", on_server, {"hostname": "127.0.0.1", "port": port})
    assert made == expected("NodeAttestor", "http_challenge", release_of(binaries[0]), on_server)


def test_join_token(binaries: tuple[Path, Path]) -> None:
    with RealServer(binaries[0]) as server, RealAgent(binaries[1], server):
        assert selectors_of_the_agent(server) == []
    assert selectors.of("NodeAttestor", "join_token") == ()
