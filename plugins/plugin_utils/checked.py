# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's tree with everything that is wrong with it, and whose fault that is."""

from __future__ import annotations

import dataclasses
import marshal
from collections.abc import Iterator
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils import hcl, schema, tree, versions
from ansible_collections.spire.fleet.plugins.plugin_utils.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.problems import Problem, errors
from ansible_collections.spire.fleet.plugins.plugin_utils.variables import Values

#: of a fleet whose hosts have a tree of their own each, not all trees are kept
TREES_KEPT = 256
#: what a variable of ours says in the built-in layer, so that a mistake in it is the variable's
FROM_VARIABLES = {"trust_domain": "spire_trust_domain", "server_address": "spire_server_address"}


def checked(
    component: str, stack: list[tree.Layer], version: versions.Version, fleet: Fleet
) -> tuple[tree.Merged, dict[str, Any], list[Problem]]:
    """The tree of these layers, and what the schema and HCL have against it. Hosts of one group mostly share it."""
    try:
        key = marshal.dumps([component, str(version), [(layer.name, layer.tree) for layer in stack]], 2)
    except ValueError:
        key = b""  # a date, for example, which is a mistake of its own
    if key in fleet.trees:
        return fleet.trees[key]  # type: ignore[return-value]
    merged = tree.merge(component, stack)
    coerced = schema.coerce(component, merged.tree, version)
    found = schema.check(component, coerced, version, merged.origin)
    refused = schema.check_strictly(component, coerced, version, merged.origin)
    if not errors([*merged.problems, *found]):
        try:
            hcl.dumps(coerced)
        except hcl.HclError as exc:
            path, _colon, reason = str(exc).partition(": ")
            found.append(Problem("render", path, reason, merged.origin(path)))
    found += refused
    if key and len(fleet.trees) < TREES_KEPT:
        fleet.trees[key] = merged, coerced, found
    return merged, coerced, found


def attributed(component: str, values: Values, found: list[Problem]) -> Iterator[Problem]:
    """The schema's mistakes with the variable that is at fault, and without those that follow from another one."""
    unmade = [problem.path.partition(".")[2] for problem in values.problems if problem.code == "template"]
    for problem in found:
        if any(path == problem.path or path.startswith(problem.path + ".") for path in unmade):
            continue
        option = problem.path.removeprefix(f"{component}.")
        if problem.layer != tree.BUILT_IN:
            yield problem
        elif option in FROM_VARIABLES:
            # Unset, it is a mistake of the fleet's, or of the server that the agent has it from.
            name = FROM_VARIABLES[option]
            if values[name]:
                yield dataclasses.replace(problem, path=name, layer=name)
        elif option == "socket_path":
            layer = "spire_root_dir" if values["spire_root_dir"] else f"spire_{component}_instance"
            yield dataclasses.replace(problem, layer=layer)
        else:
            yield problem
