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

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.spire.fleet.plugins.module_utils.host.observe import identity
from ansible_collections.spire.fleet.plugins.module_utils.spire import connection, der
from ansible_collections.spire.fleet.plugins.module_utils.spire.cli import SpireCliError, reading, spiffe_id
from ansible_collections.spire.fleet.plugins.module_utils.spire.server_cli import SpireServer

ARGUMENTS = connection.arguments(
    agents={"type": "bool", "default": True},
    only_agents={"type": "list", "elements": "str", "default": []},
    spiffe_bundle={"type": "bool", "default": False},
    authorities={"type": "bool", "default": False},
    certificate_files={"type": "list", "elements": "path", "default": []},
)


def state(server: SpireServer, params: dict[str, Any]) -> dict[str, Any]:
    """Returns the module's result."""
    health = server.healthcheck()
    result: dict[str, Any] = {
        "healthy": health.healthy, "message": health.message, "version": server.version(), "agents": [],
        "agent_count": 0, "bundle": "", "fingerprints": [],
    }
    if params["spiffe_bundle"]:
        result["spiffe_bundle"] = ""
    if params["authorities"]:
        result["authorities"] = {}
    if params["certificate_files"]:
        result["certificates"] = {path: identity.certificates(path) for path in params["certificate_files"]}
    if not health.healthy:
        return result
    with ThreadPoolExecutor(5) as pool:
        agents = pool.submit(server.agent_list) if params["agents"] else None
        document = pool.submit(server.bundle_show, "spiffe") if params["spiffe_bundle"] else None
        kinds = {kind: pool.submit(_authorities, server, kind) for kind in ("x509", "jwt") if params["authorities"]}
        result["bundle"] = server.bundle_show("pem")
        if document:
            result["spiffe_bundle"] = document.result()
        if kinds:
            result["authorities"] = {kind: answer.result() for kind, answer in kinds.items()}
        found = agents.result() if agents else []
    with reading("spire-server bundle show", "a bundle"):
        result["fingerprints"] = der.fingerprints(result["bundle"])
    result["agent_count"] = len(found)
    _note_entries_of_banned(server, found)
    only = set(params["only_agents"])
    for agent in sorted(found, key=lambda one: one["id"]):
        # With selectors, the result for ten thousand agents would be several times as long.
        del agent["selectors"]
        if not only or agent["id"] in only:
            result["agents"].append(agent)
    return result


def _note_entries_of_banned(server: SpireServer, agents: list[dict[str, Any]]) -> None:
    """Adds to each banned agent the IDs of the entries whose parent it is. They tell which host it was: a banned agent deletes its SVID."""
    banned = {agent["id"]: agent for agent in agents if agent["banned"]}
    for entry in server.entry_show() if banned else ():
        agent = banned.get(spiffe_id(entry.get("parent_id")))
        if agent is not None:
            agent.setdefault("entries", []).append(str(entry.get("id", "")))


def _authorities(server: SpireServer, kind: str) -> dict[str, dict[str, Any]]:
    """Returns the server's own authorities; empty where the release does not report them."""
    try:
        return server.authorities(kind)
    except SpireCliError:
        return {}


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = module.params
    server = connection.server(params)
    with connection.failing(module):
        module.exit_json(changed=False, **state(server, params))


if __name__ == "__main__":
    main()
