#!/usr/bin/python
# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: secret_file
short_description: Write a file that holds a secret
version_added: 0.1.0
description:
  - Writes a key or a password to a file that only its owner can read at any moment. A run that is interrupted leaves the old or the new
    file whole, and the next run removes temporary files that it left.
  - Unlike M(ansible.builtin.copy) it makes no temporary file of the content on the controller, and none on the host outside of the
    file's own directory. A new file has its mode from the beginning.
  - The content travels by Ansible's pipelining, which this module switches on for its own task. Where C(ansible_pipelining) is set to
    false, or the connection does not support it, the content is in a directory of Ansible's of mode 0700 while the task runs, as the
    arguments of every module are then. A run that is killed at that moment leaves it there.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  path:
    description: The file. Its directory must exist.
    type: path
    required: true
  content:
    description: The content of the file.
    type: str
    required: true
  owner:
    description: The owner. Unless set, an existing file keeps its owner, and a new file gets the user that the module runs as.
    type: str
  group:
    description: The group, with the same default as O(owner).
    type: str
  mode:
    description: The mode. V(0640) lets the group read the file as well.
    type: str
    choices: ["0600", "0640"]
    default: "0600"
extends_documentation_fragment:
  - spire.fleet.attributes
attributes:
  diff_mode:
    support: none
    details: A diff would show secrets.
"""

EXAMPLES = r"""
- name: Write a key
  spire.fleet.secret_file:
    path: /etc/spire/server/main.upstream.key
    content: "{{ vaulted_key }}"
    owner: spire-server
    group: spire-server
  no_log: true
"""

RETURN = r"""
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.spire.fleet.plugins.module_utils.host import atomic_file, selinux

ARGUMENTS = {
    "path": {"type": "path", "required": True},
    "content": {"type": "str", "required": True, "no_log": True},
    "owner": {"type": "str"},
    "group": {"type": "str"},
    "mode": {"type": "str", "choices": ["0600", "0640"], "default": "0600"},
}


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    path, content = module.params["path"], module.params["content"].encode()
    try:
        uid, gid = atomic_file.numbers(module.params["owner"], module.params["group"])
    except KeyError as exc:
        module.fail_json(msg=f"{path} can't be given to its owner: {exc.args[0]}")
    try:
        wanted = (path, content, uid, gid, int(module.params["mode"], 8))
        changed = not atomic_file.same(*wanted) if module.check_mode else atomic_file.write(*wanted)
    except atomic_file.SecretFileError as exc:
        module.fail_json(msg=f"{exc}.")
    module.exit_json(changed=selinux.labeller(module)(path, changed))


if __name__ == "__main__":
    main()
