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
  - Looks once at everything that a SPIRE server or agent consists of on its host - binaries, files, owners, modes,
    the service, what the running process was started with, the agent's own identity - and compares it with what the
    inventory says it should be.
  - It changes nothing. The roles include their acting tasks only where it finds a difference.
  - The inventory's variables are checked first, and all mistakes come in one message.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  component:
    description: What to look at.
    type: str
    choices: [server, agent]
    required: true
  servers:
    description:
      - For agents, the name of the variable in which the results of M(spire.fleet.server_info) are registered, from a loop
        over P(spire.fleet.server_targets#lookup). An agent that its server does not list is enrolled again.
    type: str
  final:
    description:
      - Whether nothing may differ any more. The roles look once more after they acted, and fail when something
        still differs.
    type: bool
    default: false
  missing_ca_only:
    description:
      - Whether to ask for nothing but what the host has of a CA of this collection's that is missing on the controller, so that a run would
        make another CA. Otherwise that is a failure.
    type: bool
    default: false
  spec:
    description: Where to look on the host. Set by the action plugin.
    type: dict
  planned:
    description: Digests of the files that the process should have been started with. Set by the action plugin.
    type: dict
  variants:
    description: Where to look on hosts of each architecture, where that differs. Set by the action plugin.
    type: dict
  planned_variants:
    description: Those digests for hosts of each architecture. Set by the action plugin.
    type: dict
extends_documentation_fragment:
  - spire.fleet.attributes
attributes:
  diff_mode:
    description: Shows every difference, with secrets redacted.
notes:
  - In check mode, and with C(--diff), a difference counts as changed. In a plain run the tasks that mend it do.
"""

EXAMPLES = r"""
- name: Look at the server
  spire.fleet.component_drift:
    component: server
  register: found

- name: Say what differs
  ansible.builtin.debug:
    var: found.differences
"""

RETURN = r"""
differs:
  description: Whether anything differs from the plan.
  returned: always
  type: bool
differences:
  description: What differs, in words.
  returned: always
  type: list
  elements: str
warnings:
  description: What will be a mistake soon, such as a CA that ends before the server's own would.
  returned: when there are any
  type: list
  elements: str
renewals:
  description: Those of RV(differences) that only say that something is to be renewed, and works until then.
  returned: always
  type: list
  elements: str
certificates:
  description:
    - The certificates in files on the host that the tree names, each with its C(option), C(path), C(name), C(starts), C(expires) and
      whether it is self-signed (C(root)). Certificates that never expire are left out.
  returned: always
  type: list
  elements: dict
clock:
  description:
    - By how many seconds the host's clock is ahead of the controller's, C(least) and C(most). It was read at some time between those
      at which the controller asked and was answered.
  returned: always
  type: dict
missing_ca:
  description: What the host has of a CA that is missing on the controller, and what to do, in words. Nothing else is returned then.
  returned: when O(missing_ca_only=true)
  type: list
  elements: str
act:
  description: What the acting tasks have to do. Meant for the roles of this collection.
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
machine:
  description: The host's architecture as the kernel calls it.
  returned: always
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.spire.fleet.plugins.module_utils.host.probe import ARGUMENTS, observe, own_variant


def main() -> None:
    """Entry point. The action plugin of the same name makes the specification and compares what comes back."""
    module = AnsibleModule(
        argument_spec={
            **ARGUMENTS,
            "spec": {"type": "dict"},
            # Digests of planned files by their path, and some of those hold secrets.
            "planned": {"type": "dict", "no_log": True},
            # What is looked for is what comes back, so that this can't be kept out of the output.
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
