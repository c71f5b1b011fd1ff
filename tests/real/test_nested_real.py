# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real nested SPIRE servers on loopback, with the options and entries that we plan; openssl verifies the chains."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.real_nested import EAGER, EAGER_AGENT, below
from tests.support.real_spire import RealAgent, RealServer, TRUST_DOMAIN

RELEASES = ("1.15.3", "1.14.7", "1.13.6")
WORKLOAD = f"spiffe://{TRUST_DOMAIN}/workload"


def svid(server: RealServer, agent: RealAgent) -> str:
    """Returns the chain of a workload's SVID from this agent."""
    selectors = [dict(zip(("type", "value"), text.split(":", 1))) for text in server.selectors()]
    entry = {"entry_id": "w", "spiffe_id": WORKLOAD, "selectors": selectors, "parent_id": agent.spiffe_id}
    assert [item.code for item in server.client().entry_create([entry])] == [0]
    return str(agent.wait_svid(WORKLOAD)["certificates"])


def verified(directory: Path, root: str, chain: str) -> str:
    """Returns what `openssl verify` prints about a chain."""
    (directory / "root.pem").write_text(root)
    # openssl verifies the first certificate of the chain.
    (directory / "chain.pem").write_text(chain)
    command = ["openssl", "verify", "-CAfile", "root.pem", "-untrusted", "chain.pem", "chain.pem"]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False).stdout.strip()


@pytest.mark.parametrize("release", RELEASES)
def test_three_tiers_have_one_root(spire_binary: Callable[..., Path], tmp_path: Path, release: str) -> None:
    server_binary, agent_binary = spire_binary("spire-server", release), spire_binary("spire-agent", release)
    with contextlib.ExitStack() as running:
        server = running.enter_context(RealServer(server_binary, config=EAGER))
        root = server.client().bundle_show("pem")
        tiers = [(server, running.enter_context(RealAgent(agent_binary, server, config=EAGER_AGENT)))]
        for _tier in range(2):
            nested = running.enter_context(below(*tiers[-1]))
            assert nested.client().bundle_show("pem") == root
            tiers.append((nested, running.enter_context(RealAgent(agent_binary, nested, config=EAGER_AGENT))))
        # The workloads' entries are made only now: all processes run as one user, and a nested server uses the first SVID that it gets.
        for tier, (server, agent) in enumerate(tiers):
            chain = svid(server, agent)
            # The chain has the SVID and the CAs of all tiers but the first one, which is the root.
            assert chain.count("BEGIN CERTIFICATE") == 1 + tier
            assert verified(tmp_path, root, chain) == "chain.pem: OK"
        with RealServer(server_binary) as other:
            assert verified(tmp_path, other.client().bundle_show("pem"), chain) == ""


@pytest.fixture
def pair(spire_server: Path, spire_agent: Path) -> Iterator[tuple[RealServer, RealAgent]]:
    with RealServer(spire_server, config=EAGER) as root, RealAgent(spire_agent, root, config=EAGER_AGENT) as parent_agent:
        yield root, parent_agent


def test_a_nested_server_goes_on_without_those_above_it(pair: tuple[RealServer, RealAgent], spire_agent: Path) -> None:
    root, parent_agent = pair
    with below(root, parent_agent) as nested:
        parent_agent.stop()
        root.stop()
        nested.restart()
        with RealAgent(spire_agent, nested, config=EAGER_AGENT) as leaf:
            assert svid(nested, leaf).count("BEGIN CERTIFICATE") == 2


def test_without_its_entry_it_does_not_come_up(pair: tuple[RealServer, RealAgent]) -> None:
    nested = below(*pair, allowed=False)
    try:
        nested.launch()
        nested.wait_log("no identity issued")
        assert nested.pid and not nested.healthy()
    finally:
        nested.remove()


def test_another_svid_of_its_user_keeps_it_from_its_ca(pair: tuple[RealServer, RealAgent]) -> None:
    """A nested server whose user can get another SVID gets no CA, because SPIRE uses the first SVID. So preflight refuses such entries."""
    svid(*pair)
    nested = below(*pair)
    try:
        nested.launch()
        nested.wait_end()
        assert "authorization denied for method /spire.api.server.svid.v1.SVID/NewDownstreamX509CA" in nested.log()
    finally:
        nested.remove()
