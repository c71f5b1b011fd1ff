# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that the two groups that the playbooks address have hosts. Without them Ansible skips all plays without an error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import nearest, some
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import AGENTS, SERVERS

#: groups that Ansible adds to every inventory
BUILT_IN_GROUPS = ("all", "ungrouped")
#: the similarity of names: "servers" is similar enough to spire_servers, "spire" is not
NEAR = 0.65


def no_hosts_problem(groups: Mapping[str, Sequence[str]]) -> str:
    """Returns why no playbook has anything to do; empty where the inventory has a server or an agent."""
    if groups.get(SERVERS) or groups.get(AGENTS):
        return ""
    if not groups.get("all"):
        return (
            "The inventory has no hosts, so nothing was checked. Name an inventory with -i. If you did, Ansible's warnings above tell why "
            "it could not be read."
        )
    names = sorted((name for name in groups if name not in BUILT_IN_GROUPS), key=lambda name: (not nearest_group(name), name))
    found = some(f"{name} (did you mean {nearest_group(name)}?)" if nearest_group(name) else name for name in names)
    has = f"The inventory's groups are {found}." if names else "The inventory has no groups."
    return (
        f"No host of the inventory is in {SERVERS} or {AGENTS}, so nothing was checked. The names of these two groups are fixed. {has} "
        f"Rename your groups, or make them children of {SERVERS} and {AGENTS}."
    )


def misnamed_groups(groups: Mapping[str, Sequence[str]]) -> list[str]:
    """Returns warnings about groups whose names are similar to one of the two groups while that one is empty. A fleet may have only agents
    or only servers.
    """
    taken = {*groups.get(SERVERS, ()), *groups.get(AGENTS, ())}
    return [
        f"No host is in {group}, and the hosts of {name} are neither servers nor agents; did you mean {group}? The names of the groups "
        f"{SERVERS} and {AGENTS} are fixed."
        for group in (SERVERS, AGENTS) if not groups.get(group)
        for name in sorted(groups) if nearest_group(name) == group and groups[name] and not taken.intersection(groups[name])
    ]


def nearest_group(name: str) -> str:
    """Returns which of the two groups a name is similar to; empty for other names, and for the two groups themselves."""
    if name in (*BUILT_IN_GROUPS, SERVERS, AGENTS):
        return ""
    return nearest(name.replace("-", "_"), (SERVERS, AGENTS), NEAR)
