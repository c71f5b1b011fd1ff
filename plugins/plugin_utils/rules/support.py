# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What rules of fleets ask of plans: whose fault something is, which machine, how far apart, which group was meant."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import did_you_mean
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import BUILT_IN
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet, machine_of
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.tree_check import FROM_VARIABLES
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import links


def at(planned: Plan, code: str, path: str, message: str, severity: str = "error", allow: str = "") -> Problem:
    """A problem at a path of the tree; where a variable of the host's made it, it is the variable's."""
    name = planned.component
    link, releases = links.documentation_of_path(name, path, planned.version), links.releases_of_path(name, path)
    layer = planned.merged.origin(path)
    variable = FROM_VARIABLES.get(path.removeprefix(f"{name}."), "")
    if layer == BUILT_IN and variable and planned.values[variable]:
        path = layer = variable
    return Problem(code, path, message, layer, severity=severity, link=link, releases=releases, allow=allow)


def machine(planned: Plan) -> str:
    """What tells machines apart: several inventory hosts may be one."""
    return machine_of(planned.values.raw, planned.host)


def step(version: Version) -> int:
    """Minor releases in one row: 1.0 follows 0.12."""
    return version.minor if version.major else version.minor - 13


def unknown_release(plans: Iterable[Plan]) -> bool:
    """Whether one of these is of a release that never was, of which nobody can say what it fits."""
    return any(problem.code == "version" for made in plans for problem in made.problems)


def meant(group: str, fleet: Fleet) -> str:
    """Another group's name that is nearly the same."""
    hint = did_you_mean(group, [name for name, hosts in fleet.groups.items() if hosts], 0.8) if group not in fleet.groups else ""
    return f" ({hint})" if hint else ""
