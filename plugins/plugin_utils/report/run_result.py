# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the results of a run that the playbooks give to the next node of a workflow. They are small, and hold names and numbers alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.report import expiry, fleet_state

#: how many hosts are named; the numbers count all of them
NAMED = 100
#: the changes of registration entries that are counted
CHANGES = ("created", "updated", "deleted")


def of_site(
    hosts: Sequence[str], running: Collection[str], checks: Callable[[str], Iterable[Mapping[str, Any]]], entries: Iterable[Mapping[str, Any]],
) -> dict[str, Any]:
    """Returns the result of ``site``: how many of its hosts were changed, and how many failed.

    ``running`` are the hosts that have not failed, and ``checks`` returns the drift checks of a host.
    """
    still = set(running)
    found = {host: list(checks(host)) for host in hosts}
    failed = [host for host in hosts if host not in still or any(one.get("failed") or one.get("unreachable") for one in found[host])]
    wrong = set(failed)
    changed = [host for host in hosts if host not in wrong and any(one.get("differs") or one.get("applied") for one in found[host])]
    made = list(entries)
    return {
        "hosts": len(hosts), **_named("changed", changed), **_named("failed", failed),
        "entries": {change: sum(len(one.get(change) or ()) for one in made) for change in CHANGES},
    }


def of_verify(observed: Sequence[fleet_state.Observed], rest: Sequence[str], expiring: Iterable[expiry.Expiry], now: Any) -> dict[str, Any]:
    """Returns the result of ``verify``: how many hosts have problems, and how many certificates the next run of ``site`` renews.

    ``rest`` are the problems that belong to no host.
    """
    failed = list(dict.fromkeys(one.host for one in observed if one.problems))
    return {
        "hosts": len({one.host for one in observed}), **_named("failed", failed),
        "problems": sum(len(one.problems) for one in observed) + len(rest),
        "renewals": sum(one.verdict(now) == expiry.DUE for one in expiring),
    }


def _named(what: str, hosts: Sequence[str]) -> dict[str, Any]:
    """Returns the number of hosts, and the names of the first of them."""
    return {what: len(hosts), f"{what}_hosts": list(hosts[:NAMED])}
