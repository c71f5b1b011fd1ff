# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Three tiers after the first run: every SVID's chain ends at the root, and only nested servers may have CAs signed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from tests.support import faults, fetched

Shell = Callable[..., str]
ROOT = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "pki" / "nested.test" / "root.pem"
BUNDLE = f"/opt/spire/server-main/bin/spire-server bundle show -socketPath {faults.SOCKETS['server']}"


def entries(shell: Shell, server: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(shell(server, faults.cli("entry show")))["entries"]
    return [entry for entry in found if entry["downstream"]]


def spiffe_id(given: dict[str, str]) -> str:
    return f"spiffe://{given['trust_domain']}{given['path']}"


@pytest.mark.parametrize(("host", "tier"), [("hub1", 0), ("edge1", 1), ("leaf1", 2)])
def test_every_chain_ends_at_the_root(host: str, tier: int, shell: Shell) -> None:
    """The chain of an agent's SVID has a CA of each tier above it. The agent on hub1 belongs to root1's tier, the one on edge1 to hub1's."""
    root = ROOT.read_text(encoding="ascii")
    chain = fetched.chain(shell, host, root)
    # The chain has the SVID, a CA of each tier, and the intermediate CA of root1.
    assert len(chain) == 1 + (tier + 1) + 1
    assert chain[-1].issuer == x509.load_pem_x509_certificate(root.encode()).subject


@pytest.mark.parametrize("server", ["root1", "hub1", "edge1"])
def test_every_tier_has_the_same_bundle(server: str, shell: Shell) -> None:
    assert x509.load_pem_x509_certificates(shell(server, BUNDLE).encode()) == x509.load_pem_x509_certificates(ROOT.read_bytes())


@pytest.mark.parametrize(("server", "nested_server", "machine"), [("root1", "hub1", "hub1"), ("hub1", "edge1", "edge1")])
def test_the_agent_beside_a_nested_server_has_the_only_downstream_entry(
    server: str, nested_server: str, machine: str, shell: Shell
) -> None:
    (entry,) = entries(shell, server)
    assert spiffe_id(entry["spiffe_id"]) == f"spiffe://nested.test/fleet-downstream/{nested_server}"
    assert spiffe_id(entry["parent_id"]) == faults.own_id(shell, machine)
    assert entry["selectors"] == [{"type": "unix", "value": "user:spire-server"}]


def test_the_lowest_tier_signs_no_cas(shell: Shell) -> None:
    assert entries(shell, "edge1") == []


def test_other_users_of_the_machine_do_not_get_the_servers_identity(shell: Shell) -> None:
    fetch = f"/opt/spire/agent-main/bin/spire-agent api fetch x509 -socketPath {faults.SOCKETS['agent']}"
    assert "fleet-downstream/hub1" in shell("hub1", f"runuser -u spire-server -- {fetch}")
    assert "fleet-downstream" not in shell("hub1", f"runuser -u daemon -- {fetch}")


@pytest.mark.parametrize("server", ["hub1", "edge1"])
def test_a_nested_server_starts_after_its_agent(server: str, shell: Shell) -> None:
    assert "spire-agent@main.service" in shell(server, "systemctl show --property=After --value spire-server@main.service").split()
