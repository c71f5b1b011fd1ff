#!/usr/bin/python
# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: svid_info
short_description: Fetch X.509-SVIDs from a SPIRE agent, without their keys
version_added: 0.1.0
description:
  - Asks the Workload API of an agent for X.509-SVIDs as a workload does, and returns their certificates. The private
    keys are dropped inside the module.
  - The agent attests the user that the module runs as, so C(become_user) chooses the workload.
  - Needs SPIRE 1.6.0 or newer. The module changes nothing.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  spiffe_id:
    description:
      - The SPIFFE ID that one of the SVIDs must have. The module asks again until there is one or O(wait) is over.
      - An agent gets a new entry when it synchronises with its server, every five seconds. Where the server was unreachable,
        the agent first waits up to half a minute for its pending call to time out.
    type: str
  wait:
    description: How many seconds to wait for an SVID.
    type: int
    default: 0
  timeout:
    default: 10
extends_documentation_fragment:
  - spire.fleet.attributes.read_only
  - spire.fleet.attributes
  - spire.fleet.client
  - spire.fleet.client.agent
seealso:
  - module: spire.fleet.entries
"""

EXAMPLES = r"""
- name: Check that the workload gets its SVID
  spire.fleet.svid_info:
    binary: /opt/spire/agent-main/bin/spire-agent
    socket_path: /run/spire/agent/sockets/main/public/api.sock
    spiffe_id: spiffe://example.org/nginx
    wait: 15
  become: true
  become_user: nginx
  register: fetched
"""

RETURN = r"""
svids:
  description: The X.509-SVIDs in the order of the agent's answer.
  returned: success
  type: list
  elements: dict
  contains:
    spiffe_id:
      description: The SPIFFE ID.
      type: str
    hint:
      description: The hint of the entry, empty when it has none.
      type: str
    certificates:
      description: The certificate and its intermediates as PEM.
      type: str
    bundle:
      description: The trust bundle of the SVID's own trust domain as PEM.
      type: str
"""

import time
from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.spire.fleet.plugins.module_utils.spire import connection
from ansible_collections.spire.fleet.plugins.module_utils.spire.agent_cli import SpireAgent
from ansible_collections.spire.fleet.plugins.module_utils.spire.cli import SpireCliError

ARGUMENTS = connection.arguments(
    timeout=10,
    spiffe_id={"type": "str"},
    wait={"type": "int", "default": 0},
)
#: seconds between the first two calls, and at most; the agent logs an error for each call that it can't answer
PAUSE = 0.5
LONGEST_PAUSE = 4.0


def fetch(
    agent: SpireAgent, spiffe_id: str | None, wait: float, sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> list[dict[str, Any]]:
    """Fetches SVIDs until the wanted one, or any, is among them. Raises SpireCliError after ``wait`` seconds."""
    deadline = clock() + wait
    pause = PAUSE
    while True:
        try:
            svids = agent.fetch_x509()
            if svids and (not spiffe_id or spiffe_id in [svid["spiffe_id"] for svid in svids]):
                return svids
            found = ", ".join(svid["spiffe_id"] for svid in svids) or "none"
            error = SpireCliError(f"the agent gives no SVID of {spiffe_id or 'any ID'} to this user, it gives {found}")
        except SpireCliError as exc:
            error = exc
        if clock() >= deadline:
            raise error
        sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = module.params
    agent = connection.agent(params)
    with connection.failing(module):
        module.exit_json(changed=False, svids=fetch(agent, params["spiffe_id"], params["wait"]))


if __name__ == "__main__":
    main()
