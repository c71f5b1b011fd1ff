# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The whole fleet is decommissioned: only after a confirmation, with its data or without, and more than once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support import faults, site_run

Snapshots = Callable[..., dict[str, Any]]
EVERYTHING = {"spire_decommission_confirm": True}
PURGE = {**EVERYTHING, "spire_decommission_purge": True}
HOMES = "$(ls -d /etc/spire /opt/spire /run/spire /run/spire-fleet /var/lib/spire 2>/dev/null)"
ELSEWHERE = " ".join(
    f"-path {path} -prune -o" for path in ("/etc/spire", "/opt/spire", "/opt/spire-src", "/run/spire", "/run/spire-fleet", "/var/lib/spire", "/var/log")
)
BUNDLE = faults.cli("bundle show")


def test_it_needs_a_confirmation(take_snapshot: Snapshots) -> None:
    before = take_snapshot()
    run = site_run.run("decommission")
    assert run.rc != 0
    assert set(run.failed.values()) == {
        "This would remove every server and agent of the inventory. Name the hosts with --limit, or confirm that you want this "
        "with -e spire_decommission_confirm=true."
    }
    assert take_snapshot() == before


def test_a_fleet_whose_data_is_kept_comes_back(shell: Callable[..., str], groups: dict[str, list[str]]) -> None:
    bundle = shell("server1", BUNDLE)
    ids = {agent: faults.own_id(shell, agent) for agent in groups["spire_agents"]}
    site_run.run("decommission", variables=EVERYTHING).require()
    for host in groups["all"]:
        assert shell(host, "find /etc/spire /run/spire /etc/systemd/system -name 'main*' -o -name 'spire-*@main*'") == "", host
        assert shell(host, "find /var/lib/spire -name '*.json' | wc -l") != "0", host
        assert shell(host, "pgrep -c spire- || true") == "0", host
    tokens = set(shell("server1", faults.TOKENS).split())
    # The agents come in two batches. One call mints the tokens of a batch, for its agents alone.
    run = site_run.run("site", variables={"spire_agents_serial": 2}).require()
    minted = [task.result for task in run.named(site_run.MINT_TOKENS)]
    assert [result["changed"] for result in minted] == [True, True]
    assert set(shell("server1", faults.TOKENS).split()) <= tokens
    assert shell("server1", BUNDLE) == bundle
    # The server has evicted the agents, so it no longer accepts their old identities, and they got new ones.
    known = shell("server1", faults.AGENTS).splitlines()
    for agent, old in ids.items():
        assert old not in known
        assert faults.own_id(shell, agent) in known


def test_nothing_is_left_of_a_purged_fleet(shell: Callable[..., str], groups: dict[str, list[str]]) -> None:
    assert site_run.run("decommission", variables=PURGE).require().changed
    for host in groups["all"]:
        # Directories that others may use as well stay, empty. The binaries that the scenario mounts are no part of the fleet.
        assert shell(host, f"find {HOMES} -not -type d") == "", host
        assert shell(host, f"find / /run -xdev {ELSEWHERE} -iname '*spire*' -print") == "", host
        assert shell(host, "grep spire /etc/passwd /etc/group || true") == "", host
        assert shell(host, "systemctl list-units --all --plain --no-legend 'spire*'") == "", host


def test_a_second_decommissioning_changes_nothing() -> None:
    assert site_run.run("decommission", variables=PURGE).require().changed == {}
