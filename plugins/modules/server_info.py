#!/usr/bin/python
# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: server_info
short_description: Read the state of a running SPIRE server
version_added: 0.1.0
description:
  - Reads in one round trip the health and the version of a SPIRE server, the agents that it has attested, and its trust
    bundle with the fingerprints of the certificates.
  - Runs C(spire-server) as a client of the server's private socket. It changes nothing and returns no secret.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  agents:
    description:
      - Whether to list the attested agents. Needs SPIRE 1.5.3 or newer.
    type: bool
    default: true
  entries:
    description:
      - Whether to return a digest of each registration entry.
    type: bool
    default: false
  only_agents:
    description:
      - Return only the agents with these SPIFFE IDs. Empty means all agents.
    type: list
    elements: str
    default: []
  spiffe_bundle:
    description:
      - Whether to return the bundle as a SPIFFE bundle document as well.
    type: bool
    default: false
  authorities:
    description:
      - Whether to return the server's own authorities. Releases before 1.11.0 do not report them.
    type: bool
    default: false
  certificate_files:
    description:
      - Files with certificates on the server's host, such as the CAs that it verifies nodes with, whose certificates to return.
    type: list
    elements: path
    default: []
  earlier:
    description:
      - The name of a variable whose value is the name of another one, which has the result of M(spire.fleet.component_drift) for this server, with
        O(spire.fleet.component_drift#module:state=all). Where that check was made before this task and found no difference, its state is returned,
        and the server is not asked again. Only O(agents) and O(certificate_files) can be answered so.
    type: str
extends_documentation_fragment:
  - spire.fleet.attributes.read_only
  - spire.fleet.attributes
  - spire.fleet.client
  - spire.fleet.client.server
seealso:
  - module: spire.fleet.join_tokens
  - module: spire.fleet.agent_evict
"""

EXAMPLES = r"""
- name: Read the state of the server
  spire.fleet.server_info:
    binary: /opt/spire/server-main/bin/spire-server
    socket_path: /run/spire/server/sockets/main/private/api.sock
  register: server

- name: Stop when the trust bundle is not the one we know
  ansible.builtin.assert:
    that: known_fingerprint in server.fingerprints
"""

RETURN = r"""
healthy:
  description: Whether the server reports that it is healthy.
  returned: always
  type: bool
message:
  description: The message of the health check. It has the reason where the server is not healthy.
  returned: always
  type: str
  sample: Server is healthy.
version:
  description: The version of the binary.
  returned: always
  type: str
  sample: 1.15.3
agents:
  description: The attested agents, sorted by ID. Empty when the server is not healthy.
  returned: always
  type: list
  elements: dict
  contains:
    id:
      description: The SPIFFE ID of the agent.
      type: str
    attestation_type:
      description: How the agent was attested.
      type: str
    expires_at:
      description: When the agent's SVID expires, in seconds since the epoch.
      type: int
    banned:
      description: Whether the agent is banned.
      type: bool
    can_reattest:
      description: Whether the agent may attest again without being evicted.
      type: bool
    version:
      description: The release that the agent runs. Empty where the server's or the agent's release does not report it.
      type: str
    entries:
      description: The IDs of the entries whose parent the agent is.
      returned: for a banned agent that has such entries
      type: list
      elements: str
agent_count:
  description: The number of all attested agents.
  returned: always
  type: int
bundle:
  description: The server's trust bundle as PEM certificates. Empty when the server is not healthy.
  returned: always
  type: str
entries:
  description:
    - The SHA-256 of each registration entry in the form in which M(spire.fleet.entries) compares it, by the entry's ID. The text is empty for an
      entry of a newer release that can't be brought to that form.
  returned: when O(entries=true)
  type: dict
spiffe_bundle:
  description: The server's trust bundle as a SPIFFE bundle document.
  returned: when O(spiffe_bundle=true)
  type: str
authorities:
  description:
    - The server's own authorities C(x509) and C(jwt), each with C(active), C(prepared) and C(old). Each of these has its C(id), its
      C(expires_at) in seconds since the epoch, and C(upstream_id), the subject key ID of the CA that signed it.
  returned: when O(authorities=true)
  type: dict
certificates:
  description: The certificates of each file of O(certificate_files) in PEM, by the path of the file.
  returned: when O(certificate_files) is not empty
  type: dict
fingerprints:
  description: The SHA-256 of each certificate of the bundle in lower case hex, in the bundle's order.
  returned: always
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.spire.fleet.plugins.module_utils.host.observe import server_state
from ansible_collections.spire.fleet.plugins.module_utils.spire import connection

#: The action plugin uses `earlier`.
ARGUMENTS = connection.arguments(**server_state.OPTIONS, earlier={"type": "str"})


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = module.params
    server = connection.server(params)
    with connection.failing(module):
        module.exit_json(changed=False, **server_state.state(server, params))


if __name__ == "__main__":
    main()
