# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about registration entries: spire_entries, and the canary's entry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import describe
from ansible_collections.spire.fleet.plugins.plugin_utils.entries import desired as desired_entries
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import AGENTS
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule

_REQUIRED = ("spiffe_id", "parent_id", "selectors")


@rule("fleet", "server:spire_entries", source="docs/entries.md; spire/api/types/entry.proto of the SPIRE API SDK")
def entry_required_fields(context: RuleContext) -> Findings:
    """An entry is a mapping that has spiffe_id, parent_id and selectors."""
    for index, entry in enumerate(context.plan.values["spire_entries"]):
        path = f"spire_entries[{index}]"
        if not isinstance(entry, Mapping):
            message = f"An entry must be a mapping with SPIRE's fields, such as spiffe_id, but it is {describe(entry)}."
            yield Finding(path, message)
            continue
        missing = [name for name in _REQUIRED if not entry.get(name)]
        if missing:
            yield Finding(path, f"The entry does not have {' and '.join(missing)}. Set {'it' if len(missing) == 1 else 'them'}.")


@rule(
    "fleet", "server:spire_entries", "server:spire_canary_selectors",
    source=(
        "pkg/server/api/entry.go (ProtoToRegistrationEntryWithMask), pkg/common/x509util/dns.go (ValidateLabel) and "
        "pkg/server/datastore/sqlstore/sqlstore.go (validateRegistrationEntry), v1.15.3"
    ),
)
def entry_fields(context: RuleContext) -> Findings:
    """Every field of an entry has a name and a value that SPIRE accepts."""
    for path, entry in desired_entries.with_paths(context.plan):
        for message in desired_entries.mistakes(entry, context.plan):
            yield Finding(path, message)


@rule(
    "fleet", "server:spire_entries", "server:spire_canary_selectors",
    source="pkg/server/datastore/sqlstore/sqlstore.go (createRegistrationEntry), v1.15.3",
)
def duplicate_entry(context: RuleContext) -> Findings:
    """No two entries have the same entry ID, or the same SPIFFE ID, parent ID and selectors."""
    ids: dict[str, str] = {}
    keys: dict[tuple[Any, ...], str] = {}
    for path, entry in desired_entries.with_paths(context.plan):
        key = desired_entries.natural_key(entry)
        first, twin = ids.setdefault(str(entry["entry_id"]), path), keys.setdefault(key, path) if key else path
        if twin != path:
            message = f"The entry has the same SPIFFE ID, parent ID and selectors as {twin}, which SPIRE does not allow. Remove one of the two."
            yield Finding(path, message)
        elif first != path:
            yield Finding(path, f"{first} also has the entry ID {entry['entry_id']}. Give each entry its own ID.")


@rule("fleet", "server:spire_entries", source="docs/entries.md")
def entry_group(context: RuleContext) -> Findings:
    """An agent alias in the parent_id of an entry belongs to a group of this inventory."""
    for name in desired_entries.alias_groups(context.plan):
        if name not in context.fleet.groups and name != AGENTS:
            yield Finding("spire_entries", (
                f"The parent_id {desired_entries.alias(name)} means every agent of the inventory group {name}, but the inventory has no such "
                "group. Write the name of an existing group."
            ))
