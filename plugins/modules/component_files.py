#!/usr/bin/python
# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: component_files
short_description: Write files and create directories of a SPIRE server or agent
version_added: 0.1.0
description:
  - "Internal: only the roles of this collection use it; it may change at any time."
  - Removes paths, creates directories and writes files of a host's plan, in this order and in one call. The contents, owners and modes come
    from the plan.
  - Each file is written as M(spire.fleet.secret_file) writes one - whole or not at all, and private from its first byte.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  component:
    description: The component.
    type: str
    choices: [server, agent]
    required: true
  machine:
    description: The host's architecture as the kernel calls it. Not needed for files with certificates and keys.
    type: str
    default: ""
  absent:
    description: Paths to remove. A directory is removed with all that is in it.
    type: list
    elements: path
    default: []
  directories:
    description: Paths of directories of the plan.
    type: list
    elements: path
    default: []
  files:
    description:
      - Names of files of the plan, which are written in this order. V(configuration) is written beside the one in use first, and replaces it if
        SPIRE's own C(validate) takes it.
    type: list
    elements: str
    default: []
  still_delivered:
    description: Paths that the list of delivered files has besides those of the plan, because they are removed later.
    type: list
    elements: path
    default: []
  spec:
    description: The paths, contents, owners and modes. Set by the action plugin.
    type: dict
extends_documentation_fragment:
  - spire.fleet.attributes
attributes:
  check_mode:
    support: none
    details: The roles do not call it in check mode, because the drift check has said what differs.
  diff_mode:
    support: none
    details: The drift check has shown the difference, with secrets redacted.
"""

EXAMPLES = r"""
- name: Write the service's definition
  spire.fleet.component_files:
    component: server
    machine: x86_64
    files: [service]
"""

RETURN = r"""
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.spire.fleet.plugins.module_utils.host import component_files, selinux


def main() -> None:
    """Runs the module. The action plugin of the same name makes the specification from the host's plan."""
    module = AnsibleModule(argument_spec={**component_files.ARGUMENTS, "spec": {"type": "dict"}})
    if module.params["spec"] is None:
        module.fail_json(msg="spire.fleet.component_files works through its action plugin alone")
    try:
        changed = component_files.apply(module.params["spec"], selinux.labeller(module))
    except component_files.ComponentFilesError as exc:
        module.fail_json(msg=str(exc), said=exc.said)
    module.exit_json(changed=changed)


if __name__ == "__main__":
    main()
