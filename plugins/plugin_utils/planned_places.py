# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Problems of something in a plan's tree: whose fault it is, and where a person may read about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils import schema_places
from ansible_collections.spire.fleet.plugins.plugin_utils.checked import FROM_VARIABLES
from ansible_collections.spire.fleet.plugins.plugin_utils.plan import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.tree import BUILT_IN


def at(planned: Plan, code: str, path: str, message: str, severity: str = "error") -> Problem:
    """A problem at a path of the tree; where a variable of the host's made it, it is the variable's."""
    name = planned.component
    link, releases = schema_places.link(name, path, planned.version), schema_places.releases(name, path)
    layer = planned.merged.origin(path)
    variable = FROM_VARIABLES.get(path.removeprefix(f"{name}."), "")
    if layer == BUILT_IN and variable and planned.values[variable]:
        path = layer = variable
    return Problem(code, path, message, layer, severity=severity, link=link, releases=releases)


def machine(planned: Plan) -> str:
    """What tells machines apart: several inventory hosts may be one."""
    return machine_of(planned.values.raw, planned.host)


def machine_of(raw: Mapping[str, Any], host: str) -> str:
    """The same by the host's variables. Machines behind one forwarded address differ in their ports."""
    return f"{raw.get('ansible_host') or host}:{raw.get('ansible_port') or 22}"
