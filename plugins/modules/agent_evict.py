#!/usr/bin/python
# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: agent_evict
short_description: Evict agents from a SPIRE server
version_added: 0.1.0
description:
  - Evicts the given agents, as far as the server has attested them. An evicted agent gets no SVIDs until it attests again.
  - Attestors that trust on first use let an agent attest again only after an eviction.
  - Needs SPIRE 1.5.3 or newer.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  ids:
    description: The SPIFFE IDs of the agents.
    type: list
    elements: str
    required: true
  parents_of:
    description:
      - IDs of registration entries. The agents that are the parents of these entries are evicted as well.
      - Needs SPIRE 1.8.0 or newer.
    type: list
    elements: str
    default: []
  claimed:
    description:
      - SPIFFE IDs that hosts would get by their names. An agent of such an ID is not evicted, unless it is in O(ids) or the parent of an entry in
        O(parents_of), because it may be somebody else who attested first under the name.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - spire.fleet.attributes
  - spire.fleet.client
  - spire.fleet.client.server
seealso:
  - module: spire.fleet.server_info
"""

EXAMPLES = r"""
- name: Evict an agent whose host was removed
  spire.fleet.agent_evict:
    binary: /opt/spire/server-main/bin/spire-server
    socket_path: /run/spire/server/sockets/main/private/api.sock
    ids:
      - spiffe://example.org/spire/agent/x509pop/4f2c
"""

RETURN = r"""
evicted:
  description: The IDs of the agents that were evicted, or would be evicted in check mode.
  returned: always
  type: list
  elements: str
unknown:
  description: The IDs in O(claimed) that the server lists, and that nothing shows to be the hosts' own.
  returned: always
  type: list
  elements: str
"""

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.spire.fleet.plugins.module_utils.spire import connection
from ansible_collections.spire.fleet.plugins.module_utils.spire.cli import SpireCliError, spiffe_id
from ansible_collections.spire.fleet.plugins.module_utils.spire.server_cli import SpireServer

ARGUMENTS = connection.arguments(
    ids={"type": "list", "elements": "str", "required": True},
    parents_of={"type": "list", "elements": "str", "default": []},
    claimed={"type": "list", "elements": "str", "default": []},
)


def parents(server: SpireServer, entries: list[str]) -> list[str]:
    """Returns the parents of the given entries, as far as these exist."""
    # Without a program, the server was decommissioned by an earlier run.
    wanted = set(entries) if os.path.exists(server.binary) else set()
    return [spiffe_id(one.get("parent_id")) for one in server.entry_show() if one.get("id") in wanted] if wanted else []


def unknown(server: SpireServer, claimed: list[str], own: list[str]) -> list[str]:
    """Returns the claimed SPIFFE IDs that the server lists and that are not among the hosts' own."""
    strange = [one for one in dict.fromkeys(claimed) if one not in own]
    there = {agent["id"] for agent in server.agent_list()} if strange else set()
    return [one for one in strange if one in there]


def evict(server: SpireServer, ids: list[str], check: bool) -> tuple[list[str], list[str]]:
    """Evicts the agents that exist. Returns their IDs, and a message for each that could not be evicted."""
    wanted = list(dict.fromkeys(ids))
    if not wanted:
        return [], []
    there = {agent["id"] for agent in server.agent_list()}
    evicted, failed = [], []
    for agent_id in wanted:
        if agent_id not in there:
            continue
        try:
            if not check:
                server.agent_evict(agent_id)
            evicted.append(agent_id)
        except SpireCliError as exc:
            failed.append(f"{agent_id}: {exc.message}")
    return evicted, failed


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = module.params
    server = connection.server(params)
    with connection.failing(module, evicted=[], unknown=[]):
        own = params["ids"] + parents(server, params["parents_of"])
        strange = unknown(server, params["claimed"], own)
        evicted, failed = evict(server, own, module.check_mode)
    result: dict[str, Any] = {"changed": bool(evicted), "evicted": evicted, "unknown": strange}
    if evicted:
        result["diff"] = {
            "before_header": "attested agents", "after_header": "attested agents",
            "before": "".join(f"{one}\n" for one in evicted), "after": "",
        }
    if failed:
        module.fail_json(msg=f"{len(failed)} agents could not be evicted: {'; '.join(failed)}", **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
