#!/usr/bin/python
# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kept_files
short_description: Keep the files of a running service while a run replaces them
version_added: 0.1.0
description:
  - "Internal: only the role C(spire_component) uses it; it may change at any time."
  - Copies the files that a running service was started with, so that M(spire.fleet.wait_healthy) can put them back where the changed service
    does not start. Only root can read the copies.
  - The files of one process are kept once, also by the run that follows a killed one.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  path:
    description: The directory of the copies. The directory above it must exist or is made, and must belong to root.
    type: path
    required: true
  files:
    description: The files and symbolic links to keep. One that does not exist is removed when the others are put back.
    type: list
    elements: path
    required: true
  pid:
    description: The number of the running process.
    type: int
    required: true
extends_documentation_fragment:
  - spire.fleet.attributes
attributes:
  diff_mode:
    support: none
"""

EXAMPLES = r"""
- name: Keep what the server was started with
  spire.fleet.kept_files:
    path: /run/spire-fleet/server-main.kept
    files: [/etc/spire/server/main.conf, /opt/spire/server-main]
    pid: 4711
"""

RETURN = r"""
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.spire.fleet.plugins.module_utils.host import kept_files

ARGUMENTS = {
    "path": {"type": "path", "required": True},
    "files": {"type": "list", "elements": "path", "required": True},
    "pid": {"type": "int", "required": True},
}


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    if not module.check_mode:
        try:
            kept_files.keep(module.params["path"], module.params["files"], module.params["pid"])
        except kept_files.KeptFilesError as exc:
            module.fail_json(msg=f"{exc}. Nothing was changed.")
    # A copy that lasts until the service is healthy is no change of the host.
    module.exit_json(changed=False)


if __name__ == "__main__":
    main()
