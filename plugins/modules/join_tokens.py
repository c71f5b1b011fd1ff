#!/usr/bin/python
# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: join_tokens
short_description: Mint join tokens on a SPIRE server
version_added: 0.1.0
description:
  - Mints one join token for each of the agents, all in one call. Needs SPIRE 1.6.0 or newer.
  - A token is a password until an agent has redeemed it. The module refuses a task without C(no_log=true), because
    only that keeps its result out of every log. The registered variable holds the tokens.
  - SPIRE accepts a token once, within its time to live. The module makes no alias entries, because SPIRE would keep
    them under random IDs. Use M(spire.fleet.entries) for aliases.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  agents:
    description: The names of the agents. They are the keys of the result; SPIRE does not get them.
    type: list
    elements: str
    required: true
  ttl:
    description:
      - How many seconds the tokens are valid. A server attests one agent a second for each source address, so agents behind
        one address need one more second each.
    type: int
    default: 600
extends_documentation_fragment:
  - spire.fleet.attributes
  - spire.fleet.client
  - spire.fleet.client.server
attributes:
  check_mode:
    support: partial
    details: It reports a change and mints no token.
  diff_mode:
    support: none
    details: A diff would show secrets.
seealso:
  - module: spire.fleet.server_info
"""

EXAMPLES = r"""
- name: Mint tokens for two agents
  spire.fleet.join_tokens:
    binary: /opt/spire/server-main/bin/spire-server
    socket_path: /run/spire/server/sockets/main/private/api.sock
    agents: [web1, web2]
    ttl: 300
  register: minted
  no_log: true
"""

RETURN = r"""
tokens:
  description: The token of each agent, by name. Empty in check mode.
  returned: success
  type: dict
"""

import os
from concurrent.futures import ThreadPoolExecutor

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.spire.fleet.plugins.module_utils.spire import connection
from ansible_collections.spire.fleet.plugins.module_utils.spire.cli import SpireCliError
from ansible_collections.spire.fleet.plugins.module_utils.spire.server_cli import SpireServer

ARGUMENTS = connection.arguments(
    # These are the names of the agents, not the tokens.
    agents={"type": "list", "elements": "str", "required": True},
    ttl={"type": "int", "default": 600},
)
# Most of the time is spent on starting a large binary, so a few more workers than processors keep the processors busy.
WORKERS = min(8, 2 * (os.cpu_count() or 1))


def mint(server: SpireServer, names: list[str], ttl: int) -> dict[str, str]:
    """Mints one token for each name. The first failure is raised; tokens that were minted before expire unused."""
    with ThreadPoolExecutor(WORKERS) as pool:
        futures = {name: pool.submit(server.token_generate, ttl) for name in dict.fromkeys(names)}
        try:
            return {name: future.result() for name, future in futures.items()}
        except SpireCliError:
            for future in futures.values():
                future.cancel()
            raise


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = module.params
    if not 0 < params["ttl"] < 2**31:
        module.fail_json(msg=f"ttl is {params['ttl']}: a token lives for at least one second, and less than 2^31")
    if module.check_mode or not params["agents"]:
        module.exit_json(changed=bool(params["agents"]), tokens={})
    server = connection.server(params)
    with connection.failing(module):
        tokens = mint(server, params["agents"], params["ttl"])
    module.exit_json(changed=True, tokens=tokens)


if __name__ == "__main__":
    main()
