#!/usr/bin/python
# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: component_drift
short_description: Compare a SPIRE server or agent with its plan
version_added: 0.1.0
description:
  - "Internal: only the roles and playbooks of this collection use it."
  - The drift check. It reads, in one call, everything that a SPIRE server or agent consists of on its host - binaries, files, owners,
    modes, the service, the files that the running process was started with, the agent's own identity - and compares it with the plan
    that follows from the inventory.
  - It changes nothing. The roles include the tasks that change something only where it finds a difference.
  - The inventory's variables are checked first, and all mistakes come in one message, unless O(preflight) has checked them.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  component:
    description: The component to check.
    type: str
    choices: [server, agent]
    required: true
  servers:
    description:
      - For agents, the name of the variable in which the results of M(spire.fleet.server_info) are registered, from a loop
        over P(spire.fleet.server_targets#lookup). An agent that its server does not list must enrol again.
    type: str
  final:
    description:
      - Whether to fail where something differs. The roles check once more after they have applied the changes.
    type: bool
    default: false
  missing_ca_only:
    description:
      - Whether to check only if the host holds certificates of a CA of this collection whose files are missing on the controller. A run
        would make another CA then. Without this option, such a host is a failure.
    type: bool
    default: false
  identity_only:
    description:
      - For agents, whether to return only the identity that the agent holds. It is read before a server without a datastore is started.
    type: bool
    default: false
  reach_server:
    description:
      - For agents, whether to find out if a SPIRE server answers at the agent's C(server_address), as a load balancer may not have one.
    type: bool
    default: false
  state:
    description:
      - For servers, what to read of the running server. SPIRE's own health check also finds out whether the server reaches its database.
      - V(health) reads only the health.
      - V(all) reads what M(spire.fleet.server_info) returns, with O(spire.fleet.server_info#module:entries). Of the servers of a group, which share a
        datastore, only the first is asked for all of that, and the others for their health.
    type: str
    choices: [health, all]
  preflight:
    description:
      - The name of a variable whose value is the name of another one, which has the result of M(spire.fleet.preflight) of this run. With such a
        result, the rules are not checked again.
    type: str
  earlier:
    description:
      - The name of a variable whose value is the name of another one, which has the result of a check that was made just before this play. That
        result is returned without another check for the hosts of the play's first batch, unless the task shows differences. For later batches,
        the changes of earlier ones come in between. Without the first variable, the host is checked.
      - It is a name and no template, because a template costs each of many hosts more than the rest of the task's preparation.
    type: str
  spec:
    description: The files, service and binaries to read on the host. Set by the action plugin.
    type: dict
  planned:
    description: Digests of the files that the process should have been started with. Set by the action plugin.
    type: dict
  variants:
    description: The same for hosts of each architecture, where that differs. Set by the action plugin.
    type: dict
  planned_variants:
    description: The digests for hosts of each architecture, where they differ. Set by the action plugin.
    type: dict
extends_documentation_fragment:
  - spire.fleet.attributes
attributes:
  diff_mode:
    description: Shows every difference, with secrets redacted.
notes:
  - In check mode, and with C(--diff), a difference counts as changed. Otherwise the tasks that correct it count.
"""

EXAMPLES = r"""
- name: Check the server for drift
  spire.fleet.component_drift:
    component: server
  register: found

- name: Show what differs
  ansible.builtin.debug:
    var: found.differences
"""

RETURN = r"""
differs:
  description: Whether anything differs from the plan.
  returned: always
  type: bool
differences:
  description: The differences, as text.
  returned: always
  type: list
  elements: str
warnings:
  description: What will be wrong soon, such as a CA that expires before the server's own CA would.
  returned: when there are any
  type: list
  elements: str
renewals:
  description: The items of RV(differences) that only mean that a certificate is due for renewal.
  returned: always
  type: list
  elements: str
certificates:
  description:
    - The certificates in files on the host that the configuration names, each with its C(option), C(path), C(name), C(starts), C(expires)
      and whether it is self-signed (C(root)). Certificates that never expire are left out.
  returned: always
  type: list
  elements: dict
clock:
  description:
    - By how many seconds the host's clock is ahead of the controller's, as bounds C(least) and C(most), because the call itself takes time.
  returned: always
  type: dict
missing_ca:
  description: What the host holds of a CA that is missing on the controller, and what to do, as text. Nothing else is returned then.
  returned: when O(missing_ca_only=true)
  type: list
  elements: str
identity:
  description: The identity that the agent holds of its trust domain, and its server, as text. Empty when it has none.
  returned: when O(identity_only=true)
  type: str
actions:
  description: What the tasks of the roles have to change. Meant for the roles of this collection.
  returned: always
  type: dict
spiffe_id:
  description: The SPIFFE ID of the agent's own identity. Empty when it has none.
  returned: when O(component=agent)
  type: str
starts:
  description: When the agent's own identity began, in ISO 8601. Empty when it has none.
  returned: when O(component=agent)
  type: str
expires:
  description: When the agent's own identity expires, in ISO 8601. Empty when it has none.
  returned: when O(component=agent)
  type: str
unreached:
  description: Why no SPIRE server answers at the agent's C(server_address), as text. Empty when one answers.
  returned: when O(reach_server=true)
  type: str
datastore:
  description: Whether the file of the server's SQLite database is there. Null for a server with another database.
  returned: when O(component=server)
  type: bool
healthy:
  description: Whether the server runs and reports that it is healthy.
  returned: when O(state) is set
  type: bool
state:
  description: What was read of the server. Empty for a server that does not run.
  returned: when O(state) is set
  type: dict
applied:
  description: That the changes have been applied, since the roles check once more after that.
  returned: when O(final=true)
  type: bool
machine:
  description: The host's architecture as the kernel calls it.
  returned: always
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.spire.fleet.plugins.module_utils.host.probe import ARGUMENTS, observe, own_variant


def main() -> None:
    """Runs the module. The action plugin of the same name makes the specification and compares the result with the plan."""
    module = AnsibleModule(
        argument_spec={
            **ARGUMENTS,
            "spec": {"type": "dict"},
            # These are digests of planned files by path. Some of these files hold secrets.
            "planned": {"type": "dict", "no_log": True},
            # no_log would also hide the result, which has the same paths.
            "variants": {"type": "dict"},
            "planned_variants": {"type": "dict", "no_log": True},
        },
        supports_check_mode=True,
    )
    if module.params["spec"] is None:
        module.fail_json(msg="spire.fleet.component_drift works through its action plugin alone")
    module.exit_json(changed=False, observed=observe(*own_variant(module.params)))


if __name__ == "__main__":
    main()
