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
  - Mints one join token for each agent named, all in one call. Needs SPIRE 1.6.0 or newer.
  - A token is a password until an agent has redeemed it. The module refuses a task without C(no_log=true), since
    nothing else keeps a result out of every log. A registered variable holds the tokens.
  - SPIRE redeems a token once and drops it when its time to live is over. The module makes no alias entries, since
    SPIRE would leave them behind under random IDs. Use M(spire.fleet.entries) for these.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  agents:
    description: The names to mint tokens for. SPIRE does not get to see them.
    type: list
    elements: str
    required: true
  ttl:
    description:
      - How many seconds the tokens live. A server attests one agent a second for each source address, so a wave of
        agents behind one address needs as many seconds more.
    type: int
    default: 600
extends_documentation_fragment:
  - spire.fleet.attributes
  - spire.fleet.client
  - spire.fleet.client.server
attributes:
  check_mode:
    support: partial
    details: It says that it would change something and mints no token.
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
  description: The token of each agent by its name. Empty in check mode.
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
    # No password itself: the names of the agents.
    agents={"type": "list", "elements": "str", "required": True},
    ttl={"type": "int", "default": 600},
)
# Most of the time goes into starting a large binary, so a few more than there are processors keep them busy.
WORKERS = min(8, 2 * (os.cpu_count() or 1))


def mint(server: SpireServer, names: list[str], ttl: int) -> dict[str, str]:
    """One token for each name; the first failure ends it, and what was minted dies with its time to live."""
    with ThreadPoolExecutor(WORKERS) as pool:
        futures = {name: pool.submit(server.token_generate, ttl) for name in dict.fromkeys(names)}
        try:
            return {name: future.result() for name, future in futures.items()}
        except SpireCliError:
            for future in futures.values():
                future.cancel()
            raise


def main() -> None:
    """Entry point."""
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
