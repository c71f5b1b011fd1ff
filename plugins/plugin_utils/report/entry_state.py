# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the registration entries of servers, from the comparison of the module ``entries``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import some
from ansible_collections.spire.fleet.plugins.plugin_utils.entries.desired import ids_of_agent
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet


def problems(results: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yields a server and a problem with its entries. A server that gave no answer is reported elsewhere."""
    for result in results:
        server = str(result.get("item", {}).get("server", ""))
        for field, text in (
            ("deleted", "has entries that the inventory does not want any more, and that still give identities"),
            ("created", "lacks entries of the inventory"),
            ("updated", "has entries that differ from the inventory"),
        ):
            if result.get(field):
                yield server, f"{text}: {some(sorted(result[field]))}; site corrects that"


def of_dead_agent(host: str, fleet: Fleet, results: Iterable[Mapping[str, Any]]) -> str:
    """Returns the problem that a server has entries of an agent that this run could not examine; empty where it has none."""
    kept = {name for result in results for name in result.get("kept", ())}
    left = sorted(kept.intersection(ids_of_agent(fleet, host))) if kept else []
    if not left:
        return ""
    return (
        f"its server still has its entries ({some(left)}), so whoever has its identity gets SVIDs. If the host does not come back, run "
        f"spire.fleet.decommission with --limit {host}"
    )
