# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every mistake in a tree, before any host is touched: its options, and the rules between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import describe
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import Origin
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import broken_rules
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.external import finder
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.model import block
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.options import Checker


def check(
    component: str, tree: Mapping[str, Any], version: Version, origin: Origin | None = None,
    schemas: tuple[str, ...] = (),
) -> list[Problem]:
    """``tree`` is plain and coerced; ``origin`` tells which layer set a path."""
    checker = Checker(component, version, origin or Origin(), finder(component, schemas))
    if not isinstance(tree, dict):
        return [Problem("type", component, f"The configuration must be a mapping, and it is {describe(tree)}.")]
    known = block(component)
    if version not in known.span:
        message = f"SPIRE {version} has no {component.replace('_', ' ')} yet, it was added in {known.span.since}."
        return [Problem("component", component, message)]
    checker.block(known, tree, "", "the file")
    return checker.problems + _functions(component, tree, version, checker, strict=False)


def check_strictly(
    component: str, tree: Mapping[str, Any], version: Version, origin: Origin | None = None
) -> list[Problem]:
    """What SPIRE takes and strict mode doesn't; each problem names what lifts it."""
    if not isinstance(tree, dict):
        return []
    checker = Checker(component, version, origin or Origin(), finder(component, ()))
    return _functions(component, tree, version, checker, strict=True)


def _functions(
    component: str, tree: dict[str, Any], version: Version, checker: Checker, strict: bool
) -> list[Problem]:
    return [
        checker.problem(rule.allow or rule.name, path, message, rule.severity, rule.allow)
        for rule, path, message in broken_rules(component, tree, version, strict)
    ]
