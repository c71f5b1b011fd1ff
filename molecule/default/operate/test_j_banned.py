# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A banned agent deletes its identity. It stays out until a person decommissions it, and then it can come back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support import faults, site_run


@pytest.fixture(scope="module")
def banned(shell: Callable[..., str]) -> str:
    """Returns the SPIFFE ID of an agent that its server has banned, once the agent has deleted its SVID."""
    spiffe_id = faults.own_id(shell, "agent3")
    shell("server1", faults.cli(f"agent ban -spiffeID {spiffe_id}"))
    shell("agent3", "for turn in $(seq 120); do grep -q '\"svid\":null' /var/lib/spire/agent/main/agent-data.json && exit 0; sleep 0.5; done; exit 1")
    return spiffe_id


@pytest.mark.parametrize("options", [(), ("--limit", "agent3"), ("--check",)])
def test_it_is_not_enrolled_again(banned: str, options: tuple[str, ...]) -> None:
    run = site_run.run("site", *options)
    assert set(run.failed) == {"agent3"}
    assert f"the server has banned {banned}, so this agent is not enrolled again by itself" in run.failed["agent3"]
    assert "spire.fleet.decommission" in run.failed["agent3"]


def test_verify_reports_the_ban(banned: str) -> None:
    run = site_run.run("verify")
    assert f"the server has banned {banned}" in "\n".join(run.failed.values())


def test_it_comes_back_after_it_was_decommissioned(banned: str, shell: Callable[..., str]) -> None:
    site_run.run("decommission", "--limit", "agent3").require()
    assert banned not in shell("server1", faults.AGENTS) + shell("server1", faults.ENTRIES)
    site_run.run("site").require()
    assert faults.own_id(shell, "agent3") in shell("server1", faults.AGENTS)
    assert site_run.run("site").require().changed == {}
