# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evaluates the rules of the schema's data, which say how the options of one block depend on each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import and_list
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.blocks import is_set
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import child
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.model import Block, DATA, Rule, block


def everything() -> Iterator[tuple[str, str, Rule]]:
    """Yields each rule of the data with the component, or "both", and the path of its block."""
    yield from _below("both", "plugins.*.*", block("plugin"))
    for component in ("server", "agent", "oidc_discovery_provider"):
        yield from _below(component, "", block(component))
        for directory in (DATA / component, DATA / "external" / component):
            for path in sorted(directory.rglob("*.yml")):
                kind, name = path.parent.name, path.stem
                data = block(str(path.relative_to(DATA).with_suffix("")))
                yield from _below(component, f"plugins.{kind}.{name}.plugin_data", data)


def _below(component: str, path: str, known: Block) -> Iterator[tuple[str, str, Rule]]:
    for rule in known.rules:
        yield component, path, rule
    for name, option in known.options.items():
        if option.block:
            inner = f"{child(path, name)}.*" if "map(block)" in option.types else child(path, name)
            yield from _below(component, inner, option.block)


def broken(rule: Rule, found: dict[str, Any]) -> str:
    """Returns the message if the options break the rule, and an empty text otherwise. As in SPIRE, an empty value counts as not set."""
    if any(found.get(name) != value for name, value in rule.when):
        return ""
    if any(found.get(name) == value for name, value in rule.unless):
        return ""
    message = _broken(rule, [name for name in rule.names if is_set(found.get(name))])
    return f"{message} {rule.because}" if message and rule.because else message


def _broken(rule: Rule, on: list[str]) -> str:
    listed = and_list(rule.names)
    are_set = f"{and_list(tuple(on))} {'is' if len(on) == 1 else 'are'} set" if on else "none of them is set"
    condition = _when(rule)
    if rule.kind == "exactly_one" and len(on) != 1:
        if len(rule.names) == 1:
            return f"{listed} is required{condition}, but it is not set."
        return f"Exactly one of {listed} must be set{condition}, but {are_set}."
    if rule.kind == "at_most_one" and len(on) > 1:
        return f"At most one of {listed} can be set{condition}, but {are_set}."
    if rule.kind == "at_least_one" and not on:
        if len(rule.names) == 1:
            return f"{listed} is required{condition}, but it is not set."
        return f"At least one of {listed} must be set{condition}, but {are_set}."
    if rule.kind == "together" and on and len(on) < len(rule.names):
        return f"{listed} must be set together, but only {are_set}."
    if rule.kind == "needs" and rule.names[0] in on and len(on) < len(rule.names):
        lacking = tuple(name for name in rule.names[1:] if name not in on)
        return f"{rule.names[0]} needs {and_list(lacking)}, but {and_list(lacking)} {'is' if len(lacking) == 1 else 'are'} not set."
    if rule.kind == "none" and on:
        return f"{and_list(tuple(on))} {'is' if len(on) == 1 else 'are'} set, but can't be set{condition}."
    return ""


def description(rule: Rule) -> str:
    """Returns what must hold, as a sentence for the reference."""
    listed = and_list(rule.names)
    condition = _when(rule)
    condition += "".join(f" unless {name} is {_value(value)}" for name, value in rule.unless)
    count = len(rule.names)
    one = count == 1
    text = {
        "exactly_one": f"{listed} is set" if one else f"Exactly one of {listed} is set",
        "at_most_one": f"At most one of {listed} is set",
        "at_least_one": f"{listed} is set" if one else f"At least one of {listed} is set",
        "together": f"{listed} are {'both' if count == 2 else 'all'} set, or {'neither' if count == 2 else 'none of them'} is",
        "needs": f"{and_list(rule.names[1:])} {'is' if count == 2 else 'are'} set when {rule.names[0]} is set",
        "none": f"{listed} {'is' if one else 'are'} not set",
    }[rule.kind]
    return f"{text}{condition}.{' ' + rule.because if rule.because else ''}"


def _when(rule: Rule) -> str:
    conditions = " and ".join(f"{name} is {_value(value)}" for name, value in rule.when)
    return f" when {conditions}" if conditions else ""


def _value(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
