# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the inventory has the two groups that the playbooks address. Without them Ansible skips every play, and all is well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import nearest
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import AGENTS, SERVERS

#: groups that every inventory has
ANSIBLES = ("all", "ungrouped")
SHOWN = 10
#: "servers" is as near to spire_servers as this, and "spire" is not
NEAR = 0.65


def nobody(groups: Mapping[str, Sequence[str]]) -> str:
    """Why there is nothing to do for any playbook; empty when there is a server or an agent."""
    if groups.get(SERVERS) or groups.get(AGENTS):
        return ""
    if not groups.get("all"):
        return (
            "The inventory has no hosts, so nothing was checked. Name it with -i. If it was named, Ansible's warnings above say why it "
            "could not be read."
        )
    names = sorted((name for name in groups if name not in ANSIBLES), key=lambda name: (not meant(name), name))
    found = ", ".join(f"{name} (did you mean {meant(name)}?)" if meant(name) else name for name in names[:SHOWN])
    rest = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    has = f"The inventory's groups are {found}{rest}." if names else "The inventory has no groups."
    return (
        f"No host of the inventory is in {SERVERS} or {AGENTS}, so nothing was checked. The names of these two groups are fixed. {has} "
        f"Rename yours, or make them children of {SERVERS} and {AGENTS}."
    )


def doubtful(groups: Mapping[str, Sequence[str]]) -> list[str]:
    """Warnings of groups that can only be meant for one of the two that is missing. A fleet of agents or servers alone is none."""
    taken = {*groups.get(SERVERS, ()), *groups.get(AGENTS, ())}
    return [
        f"No host is in {wanted}, and the hosts of {name} are neither servers nor agents; did you mean {wanted}? The names of the groups "
        f"{SERVERS} and {AGENTS} are fixed."
        for wanted in (SERVERS, AGENTS) if not groups.get(wanted)
        for name in sorted(groups) if meant(name) == wanted and groups[name] and not taken.intersection(groups[name])
    ]


def meant(name: str) -> str:
    """Which of the two groups a name is near to; empty for others and for the two themselves."""
    if name in (*ANSIBLES, SERVERS, AGENTS):
        return ""
    return nearest(name.replace("-", "_"), (SERVERS, AGENTS), NEAR)
