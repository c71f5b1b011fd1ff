# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every rule as words: what it asks for, in which releases, and where that is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import child
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import RULES, Rule
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.block_rules import says
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.model import Block, DATA, Span, block


@dataclass(frozen=True)
class Listed:
    """One rule for the reference pages."""

    component: str
    path: str
    says: str
    source: str
    span: Span
    severity: str = "error"
    #: the name in spire_allow that lifts it
    allow: str = ""


def listing() -> list[Listed]:
    """The rules of the data and the functions over trees, by component and path; see rule_list for those over fleets."""
    return sorted([*_data(), *map(listed, RULES)], key=lambda one: (one.component, one.path, one.says))


def listed(rule: Rule) -> Listed:
    """A function as words."""
    return Listed(rule.component, rule.path, rule.says, rule.source, rule.span, rule.severity, rule.allow)


def _data() -> Iterator[Listed]:
    yield from _walk("both", "plugins.*.*", block("plugin"))
    for component in ("server", "agent", "oidc_discovery_provider"):
        yield from _walk(component, "", block(component))
        for path in sorted((DATA / component).rglob("*.yml")):
            kind, name = path.parent.name, path.stem
            yield from _walk(component, f"plugins.{kind}.{name}.plugin_data", block(f"{component}/{kind}/{name}"))


def _walk(component: str, path: str, known: Block) -> Iterator[Listed]:
    for rule in known.rules:
        yield Listed(component, path, says(rule), rule.source, rule.span, rule.severity)
    for name, option in known.options.items():
        if option.block:
            inner = f"{child(path, name)}.*" if "map(block)" in option.types else child(path, name)
            yield from _walk(component, inner, option.block)
