# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes and checks the tree of a host, and finds the variable that each mistake comes from."""

from __future__ import annotations

import dataclasses
import marshal
from collections.abc import Iterator
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils import hcl
from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem, errors
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree import layers
from ansible_collections.spire.fleet.plugins.plugin_utils.external_plugins.binaries import Filler
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.variables import Values
from ansible_collections.spire.fleet.plugins.plugin_utils.releases import versions
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import check as tree_check
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import convert

#: the greatest number of trees that are kept, because every host of a fleet may have a tree of its own
TREES_KEPT = 256
#: options of the built-in layer that get the value of a variable; a mistake in one is reported as a mistake in the variable
FROM_VARIABLES = {"trust_domain": "spire_trust_domain", "server_address": "spire_server_address"}


@dataclasses.dataclass(frozen=True)
class Checked:
    """One tree, and the problems that the schema and HCL find in it."""

    merged: layers.Merged
    coerced: dict[str, Any]
    problems: list[Problem]
    #: the architectures for which the tree differs, and the architecture that it was made for
    architectures: tuple[str, ...] = ()
    arch: str = ""


def checked(
    component: str, stack: list[layers.Layer], version: versions.Version, fleet: Fleet, filler: Filler
) -> Checked:
    """Returns the tree of these layers, with the commands of its external plugins. Most hosts of a group share one tree."""
    try:
        key = marshal.dumps([component, str(version), [(layer.name, layer.tree) for layer in stack], filler.key()], 2)
    except ValueError:
        key = b""  # The tree has a date, for example, which is reported as a mistake.
    if key in fleet.trees:
        return fleet.trees[key]  # type: ignore[return-value]
    merged = layers.merge(component, stack)
    architectures = filler.architectures(merged.tree)
    arch, found = _fill(filler, merged, architectures)
    coerced = convert.coerce(component, merged.tree, version, filler.schemas)
    found += tree_check.check(component, coerced, version, merged.origin, filler.schemas)
    refused = tree_check.check_strictly(component, coerced, version, merged.origin)
    if not errors([*merged.problems, *found]):
        try:
            hcl.dumps(coerced)
        except hcl.HclError as exc:
            path, _colon, reason = str(exc).partition(": ")
            found.append(Problem("render", path, reason, merged.origin(path)))
    found += refused
    made = Checked(merged, coerced, found, architectures, arch)
    if key and len(fleet.trees) < TREES_KEPT:
        fleet.trees[key] = made
    return made


def _fill(filler: Filler, merged: layers.Merged, architectures: tuple[str, ...]) -> tuple[str, list[Problem]]:
    """Fills the tree for the first architecture that works. The architecture of the host is not known yet."""
    first: list[Problem] = []
    for arch in architectures or ("",):
        found = filler.fill(merged.tree, arch, merged.origin)
        if not found:
            return arch, []
        first = first or found
    return architectures[0] if architectures else "", first


def attributed(component: str, values: Values, found: list[Problem]) -> Iterator[Problem]:
    """Yields the schema's mistakes with the variable that each comes from, without those that follow from another mistake."""
    unmade = [path.partition(".")[2] for path in values.unmade]
    for problem in found:
        if any(path == problem.path or path.startswith(problem.path + ".") for path in unmade):
            continue
        option = problem.path.removeprefix(f"{component}.")
        if problem.layer != layers.BUILT_IN:
            yield problem
        elif option in FROM_VARIABLES:
            # Where the variable is not set, a rule about the whole fleet reports it, or the server has the mistake from which the agent's follows.
            name = FROM_VARIABLES[option]
            if values[name]:
                yield dataclasses.replace(problem, path=name, layer=name)
        elif option == "socket_path":
            layer = "spire_root_dir" if values["spire_root_dir"] else f"spire_{component}_instance"
            yield dataclasses.replace(problem, layer=layer)
        else:
            yield problem
