# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One agent is decommissioned and installed again, and nothing changes on the other hosts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support import faults, site_run


def test_an_agent_is_decommissioned(shell: Callable[..., str], take_snapshot: Callable[[], dict[str, Any]]) -> None:
    before, own = take_snapshot(), faults.own_id(shell, "agent3")
    assert own in shell("server1", faults.AGENTS)
    site_run.run("decommission", "--limit", "agent3").require()
    after = take_snapshot()
    left = [path for path in after["agent3"]["paths"] if path not in ("/etc/systemd/system", "/opt/spire")]
    assert [path for path in left if path.startswith(("/etc/spire/agent/", "/opt/spire/", "/run/spire/agent/sockets/"))] == []
    assert not any("spire" in path for path in left if path.startswith("/etc/systemd/"))
    assert "/var/lib/spire/agent/main/agent-data.json" in left
    assert after["agent3"]["services"]["agent"]["LoadState"] == "not-found"
    assert own not in shell("server1", faults.AGENTS)
    assert own not in shell("server1", faults.ENTRIES)
    for host in ("server1", "agent1", "agent2"):
        assert after[host] == before[host], host
    assert site_run.run("decommission", "--limit", "agent3").require().changed == {}


def test_it_is_installed_again(shell: Callable[..., str], take_snapshot: Callable[[], dict[str, Any]]) -> None:
    """A run for only this agent enrols it, here with another strategy than Ansible's default."""
    before = take_snapshot()
    run = site_run.run("site", "--limit", "agent3", ANSIBLE_STRATEGY="free").require()
    assert set(run.changed) == {"agent3"}
    after = take_snapshot()
    for host in ("server1", "agent1", "agent2"):
        assert after[host] == before[host], host
    assert faults.own_id(shell, "agent3") in shell("server1", faults.AGENTS)
    assert faults.own_id(shell, "agent3") in shell("server1", faults.ENTRIES)
    assert site_run.run("site", ANSIBLE_STRATEGY="free").require().changed == {}
