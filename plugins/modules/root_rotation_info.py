#!/usr/bin/python
# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: root_rotation_info
short_description: Check whether a host has completed a step of a root rotation
version_added: 0.1.0
description:
  - "Internal: only the playbook C(spire.fleet.rotate_upstream) uses it. Use the playbook."
  - Reads the bundles and chains of the current host's server and agent, and checks on the controller whether the host has completed the
    step that the rotation has reached. Use it with C(until).
  - For the step V(trust), the bundles of server, agent and workload hold the new root, and the server's CA is ready to be replaced. For
    V(use), the SVIDs of server, agent and workload are below the new root. For V(remove), no bundle holds the old root.
  - Where the agent has a canary, it fetches an SVID as a workload, as C(spire.fleet.verify) does.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  trust_domain:
    description: The trust domain of the root. Needed where the inventory has several.
    type: str
    default: ""
  spec:
    description: The binary, socket and data directory to read on the host. Set by the action plugin.
    type: dict
extends_documentation_fragment:
  - spire.fleet.attributes.read_only
  - spire.fleet.attributes
seealso:
  - module: spire.fleet.root_rotation
"""

EXAMPLES = r"""
- name: Wait until the host has completed the step
  spire.fleet.root_rotation_info:
  register: checked
  until: checked.ready
  retries: 60
  delay: 5
"""

RETURN = r"""
ready:
  description: Whether the host has completed the step.
  returned: always
  type: bool
step:
  description: The step of the rotation. Empty where none is under way.
  returned: always
  type: str
waiting_for:
  description: What is still missing, as text.
  returned: always
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.spire.fleet.plugins.module_utils.spire import connection, tls_chains
from ansible_collections.spire.fleet.plugins.module_utils.spire.agent_cli import SpireAgent
from ansible_collections.spire.fleet.plugins.module_utils.spire.server_cli import SpireServer

#: how many seconds a call of the Workload API waits for an SVID
WORKLOAD_SECONDS = 5


def main() -> None:
    """Runs the module for the action plugin of the same name."""
    module = AnsibleModule(argument_spec={"trust_domain": {"type": "str", "default": ""}, "spec": {"type": "dict"}}, supports_check_mode=True)
    spec = module.params["spec"]
    if spec is None:
        module.fail_json(msg="spire.fleet.root_rotation_info works through its action plugin alone")
    with connection.failing(module):
        if spec["component"] == "server":
            observed = tls_chains.of_server(SpireServer(spec["binary"], spec["socket_path"]), spec["address"], int(spec["port"]))
        else:
            agent = SpireAgent(spec["binary"], spec["socket_path"], timeout=WORKLOAD_SECONDS)
            observed = tls_chains.of_agent(agent, spec["data_dir"], bool(spec["ask"]), bool(spec.get("jwt")))
        module.exit_json(changed=False, observed=observed)


if __name__ == "__main__":
    main()
