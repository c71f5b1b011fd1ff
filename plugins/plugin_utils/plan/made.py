# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the plans that this process has made.

Ansible runs each task on each host in a process of its own, which it forks from its main process. All of them inherit the plans of the
main process, while a plan that a task made is lost when the task ends. So the playbooks let the main process plan the fleet, by the
lookup plan_fleet.

A plan is used again only while everything that it was made from is the same: the inventory's groups, the variables of its host and of
the other hosts that were read for it, and the controller's files. Each task compares these, so it notices what `set_fact`,
`include_vars`, a play or a changed file of the controller has changed in the meantime.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import errors
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.reads import Read
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan

#: the greatest number of plans that are kept; in a larger fleet the tasks make the other plans themselves
MOST = 4096


@dataclasses.dataclass(frozen=True)
class _Kept:
    plan: Plan
    groups: Mapping[str, Sequence[str]]
    #: the fingerprint of everything that was read for the plan
    reads: dict[Read, bytes]


_KEPT: dict[tuple[str, str], _Kept] = {}


def keep(plan: Plan, fleet: Fleet, reads: Iterable[Read]) -> None:
    """Keeps a plan that was just made, without the data that it reads from files when a task needs them."""
    key = (plan.component, plan.host)
    # A plan with mistakes is not kept: the run ends, and the cause may be a missing file that exists the next time.
    if errors(plan.problems) or (len(_KEPT) >= MOST and key not in _KEPT):
        return
    fingerprints = {read: fleet.fingerprint(read) for read in reads}
    if all(fingerprints.values()):
        bare = copy.copy(plan)
        bare.server, bare.parent_agents = None, []
        _KEPT[key] = _Kept(bare, fleet.groups, fingerprints)


def any_kept() -> bool:
    """Whether this process, or one that it was forked from, has made a plan."""
    return bool(_KEPT)


def find(component: str, host: str, fleet: Fleet) -> Plan | None:
    """Returns a copy of the kept plan for the caller; None if there is none, or if anything that it was made from has changed."""
    kept = _KEPT.get((component, host))
    if kept is None or kept.groups != fleet.groups:
        return None
    if any(fleet.fingerprint(read) != seen for read, seen in kept.reads.items()):
        return None
    found = copy.copy(kept.plan)
    found.values, found.problems = fleet.values_of(host), list(kept.plan.problems)
    return found
