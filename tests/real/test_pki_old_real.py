# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SPIRE 0.9.4 works with the collection's upstream CA: an agent joins, and the chain of a workload's SVID ends at the collection's root.

Server and agent run with rendered configurations in that release's names: UpstreamCA disk, NodeResolver noop, svid_ttl, registration_uds_path.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509

from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from tests.support.processes import running, until
from tests.support.real_spire import TRUST_DOMAIN, free_port
from tests.support.real_upstream import PASSPHRASE, delivered, upstream_of, verified
from tests.unit.builders.fleets import planned

RELEASE = {"spire_version": "0.9.4", "spire_trust_domain": TRUST_DOMAIN}
WORKLOAD = f"spiffe://{TRUST_DOMAIN}/workload"


@pytest.fixture(name="here")
def fixture_here() -> Iterator[Path]:
    # a socket's path must be short
    with tempfile.TemporaryDirectory(prefix="sf-") as made:
        yield Path(made)


def server_plan(here: Path, port: int, pki: Path) -> Plan:
    own = {
        "server": {
            "bind_address": "127.0.0.1", "bind_port": port, "data_dir": str(here), "registration_uds_path": str(here / "s"), "svid_ttl": "30m",
        },
        "plugins": {
            "DataStore": {"sql": {"plugin_data": {"connection_string": str(here / "db")}}},
            "KeyManager": {"disk": {"plugin_data": {"keys_path": str(here / "keys")}}},
            "NodeAttestor": {"join_token": {"plugin_data": {}}},
            "NodeResolver": {"noop": {"plugin_data": {}}},
        },
        "health_checks": {"listener_enabled": False},
    }
    return planned("server", **RELEASE, spire_pki="controller", spire_pki_dir=str(pki), spire_pki_passphrase=PASSPHRASE, spire_server_config=own)


def agent_plan(here: Path, port: int) -> Plan:
    own = {
        "agent": {
            "server_address": "127.0.0.1", "server_port": port, "data_dir": str(here / "agent"), "socket_path": str(here / "a"),
            "trust_bundle_path": str(here / "bundle.pem"),
        },
        "plugins": {
            "KeyManager": {"disk": {"plugin_data": {"directory": str(here / "agent")}}},
            "NodeAttestor": {"join_token": {"plugin_data": {}}},
            "WorkloadAttestor": {"unix": {"plugin_data": {}}},
        },
        "health_checks": {"listener_enabled": False},
    }
    return planned("agent", **RELEASE, spire_agent_config=own)


def test_an_agent_joins_and_its_workload_has_a_chain_to_our_root(
    spire_binary: Callable[..., Path], tmp_path: Path, here: Path
) -> None:
    server, agent = spire_binary("spire-server", "0.9.4"), spire_binary("spire-agent", "0.9.4")
    options = delivered(upstream_of(tmp_path, **RELEASE), tmp_path / "host")
    port = free_port()
    plan = server_plan(here, port, tmp_path / "pki")
    assert list(plan.plugins("NodeResolver")) == ["noop"] and plan.main["svid_ttl"] == "30m"
    text = plan.render()
    for name, path in options.items():
        text = text.replace(plan.tree["plugins"]["UpstreamCA"]["disk"]["plugin_data"][name], path)

    def cli(*command: str) -> str:
        argv = [str(server), *command, "-registrationUDSPath", str(here / "s")]
        return subprocess.run(argv, cwd=here, capture_output=True, text=True, check=False).stdout

    with running(server, text, "server", here) as log:
        bundle = until(lambda: cli("bundle", "show"), log)
        root = Path(options["bundle_file_path"]).read_text()
        assert bundle.split() == root.split()
        (here / "bundle.pem").write_text(bundle)
        (here / "agent").mkdir()
        token = cli("token", "generate").partition("Token: ")[2].split()[0]
        parent = f"spiffe://{TRUST_DOMAIN}/spire/agent/join_token/{token}"
        # With -ttl 0 the entry has no lifetime of its own, so the server's svid_ttl applies.
        made = cli("entry", "create", "-parentID", parent, "-spiffeID", WORKLOAD, "-selector", f"unix:uid:{os.getuid()}", "-ttl", "0")
        assert WORKLOAD in made
        with running(agent, agent_plan(here, port).render(), "agent", here, "-joinToken", token) as agent_log:

            def fetched() -> bool:
                command = [str(agent), "api", "fetch", "x509", "-socketPath", str(here / "a"), "-write", str(here), "-silent"]
                return subprocess.run(command, cwd=here, capture_output=True, check=False).returncode == 0 and (here / "svid.0.pem").exists()

            until(fetched, agent_log)
        assert parent in cli("agent", "list")
    chain = (here / "svid.0.pem").read_text()
    leaf, *above = x509.load_pem_x509_certificates(chain.encode())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == [WORKLOAD]
    # Above the leaf are the server's own CA and the intermediate. The lifetime shows that svid_ttl applies.
    assert len(above) == 2 and (leaf.not_valid_after_utc - leaf.not_valid_before_utc).total_seconds() < 2400
    assert verified(tmp_path, root, chain) == "leaf.pem: OK"
