# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The release that a host has, compared with the planned one: SPIRE goes by one minor release at a time, and agents are never newer."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import some
from ansible_collections.spire.fleet.plugins.plugin_utils.drift.comparison import Comparison
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version, minor_number, parse, way


def compare(plan: Plan, observed: Mapping[str, Any], found: Comparison) -> None:
    """Refuses a jump over a minor release, up or down, and a server that goes back before its agents, unless spire_release_jump allows it.

    Source: doc/upgrading.md (SPIRE Server Compatibility, upgrading by at most one minor version; agents not newer than servers), v1.15.3
    """
    old = installed(observed) if plan.versioned else None
    if old is None or plan.values["spire_release_jump"]:
        return
    if abs(minor_number(plan.version) - minor_number(old)) > 1:
        steps = way(old, plan.version)
        found.errors.append(
            f"SPIRE {old} is installed, and spire_version is {plan.version}. SPIRE supports one minor release at a time, up and down, since each "
            f"migrates the datastore from the one before it. Run site with spire_version {', then '.join(map(str, steps))}. To jump "
            "all the same, run once with -e spire_release_jump=true."
        )
    elif goes_back(plan, observed):
        _agents_first(plan, old, observed.get("agents"), found)


def goes_back(plan: Plan, observed: Mapping[str, Any]) -> bool:
    """Whether a server that runs now would get an earlier minor release. The action asks it for its agents then."""
    old = installed(observed) if plan.versioned and plan.component == "server" else None
    return old is not None and observed["service"]["running"] and minor_number(plan.version) < minor_number(old)


def installed(observed: Mapping[str, Any]) -> Version | None:
    """Returns the release that the link of the component leads to; None where none is installed, or one that is not known."""
    try:
        return parse(posixpath.basename(observed["link"]))
    except ValueError:
        return None


def _agents_first(plan: Plan, old: Version, agents: list[dict[str, Any]] | None, found: Comparison) -> None:
    """Refuses a server that goes back while an agent is newer than its planned release; warns where the server does not report releases."""
    way_back = f"An agent is never newer than its server, so take the agents back first: run site for them with --limit and spire_version {plan.version}."
    newer = [f"{agent['id']} ({agent['version']})" for agent in _newer(agents or [], plan)]
    if newer:
        found.errors.append(
            f"SPIRE {old} is installed, and spire_version is {plan.version}. Agents that are newer: {some(newer)}. {way_back} Evict agents whose "
            "hosts are gone. To go back all the same, run once with -e spire_release_jump=true."
        )
    elif agents is None or any(not agent["version"] for agent in agents):
        found.warnings.append(f"SPIRE {old} goes back to {plan.version}, and the server does not report the releases of all its agents. {way_back}")


def _newer(agents: list[dict[str, Any]], plan: Plan) -> Iterator[dict[str, Any]]:
    """Yields the agents whose minor release is newer than the planned one."""
    for agent in agents:
        try:
            newer = not agent["banned"] and minor_number(parse(agent["version"].partition("-")[0])) > minor_number(plan.version)
        except ValueError:
            # The release is not reported, or it is a build that this collection does not know.
            continue
        if newer:
            yield agent
