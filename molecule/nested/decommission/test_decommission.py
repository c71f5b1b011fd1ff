# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fleet of several tiers is decommissioned in one run, from the lowest tier up."""

from __future__ import annotations

from collections.abc import Callable

from tests.support import site_run

PURGE = {"spire_decommission_confirm": True, "spire_decommission_purge": True}


def test_nothing_is_left(shell: Callable[..., str], groups: dict[str, list[str]]) -> None:
    run = site_run.run("decommission", variables=PURGE).require()
    stopped = [task.host for task in run.named(site_run.STOP)]
    # On hub1, the server is stopped before its agent.
    assert stopped == ["leaf1", "edge1", "edge1-agent", "hub1", "hub1", "root1"]
    for host in groups["all"]:
        assert shell(host, "find $(ls -d /etc/spire /opt/spire /run/spire /var/lib/spire 2>/dev/null) -not -type d") == "", host
        assert shell(host, "systemctl list-units --all --plain --no-legend 'spire*'") == "", host
        assert shell(host, "grep spire /etc/passwd /etc/group || true") == "", host


def test_a_second_decommissioning_changes_nothing() -> None:
    assert site_run.run("decommission", variables=PURGE).require().changed == {}
