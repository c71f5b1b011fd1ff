# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks a whole tree before any host is touched: its options, and the rules between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import describe
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import Origin
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import TREE, broken_in_tree, rules
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.external import finder
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.model import block
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.options import Checker

# the modules are loaded with this one, and not by the first check
rules(TREE)


def check(
    component: str, tree: Mapping[str, Any], version: Version, origin: Origin | None = None,
    schemas: tuple[str, ...] = (),
) -> list[Problem]:
    """Returns the problems that SPIRE itself would report. ``tree`` has plain, converted values; ``origin`` returns the layer that set a path."""
    checker = Checker(component, version, origin or Origin(), finder(component, schemas))
    if not isinstance(tree, dict):
        return [Problem("type", component, f"The configuration must be a mapping, but it is {describe(tree)}.")]
    known = block(component)
    if version not in known.span:
        message = f"SPIRE {version} has no {component.replace('_', ' ')}, which was added in {known.span.since}."
        return [Problem("component", component, message)]
    checker.block(known, tree, "", "the file")
    return checker.problems + _broken_rules(tree, checker, strict=False)


def check_strictly(
    component: str, tree: Mapping[str, Any], version: Version, origin: Origin | None = None
) -> list[Problem]:
    """Returns the problems that only strict mode reports; spire_allow permits each by its rule's id."""
    if not isinstance(tree, dict):
        return []
    return _broken_rules(tree, Checker(component, version, origin or Origin(), finder(component, ())), strict=True)


def _broken_rules(tree: dict[str, Any], checker: Checker, strict: bool) -> list[Problem]:
    return [
        checker.problem(rule.id, finding.path, finding.message, finding.severity or rule.severity, rule.id, rule.allow)
        for rule, finding in broken_in_tree(checker.component, tree, checker.version, strict)
    ]
