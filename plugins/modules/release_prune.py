#!/usr/bin/python
# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: release_prune
short_description: Remove versions of SPIRE that no instance uses
version_added: 0.1.0
description:
  - Removes every version that M(spire.fleet.release) installed and that no link in O(root) points to any more.
  - Directories without a manifest of that module stay.
  - Versions of external plugins, C(<root>/plugins/<entry>/<version>), are removed where no configuration names them any more.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  root:
    description: The directory that holds the versions.
    type: path
    default: /opt/spire
  configurations:
    description: The directory that holds the configurations, one directory for each component.
    type: path
    default: /etc/spire
  gone:
    description:
      - Links and configurations that count as removed, even if they still exist.
      - In check mode, an earlier task may have reported only that it would remove them.
    type: list
    elements: path
    default: []
extends_documentation_fragment:
  - spire.fleet.attributes
seealso:
  - module: spire.fleet.release
"""

EXAMPLES = r"""
- name: Remove unused versions
  spire.fleet.release_prune:
"""

RETURN = r"""
removed:
  description: The directories that were removed, or would be in check mode.
  returned: success
  type: list
  elements: str
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.spire.fleet.plugins.module_utils.host.releases import prune


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(
        argument_spec={
            "root": {"type": "path", "default": "/opt/spire"},
            "configurations": {"type": "path", "default": "/etc/spire"},
            "gone": {"type": "list", "elements": "path", "default": []},
        },
        supports_check_mode=True,
    )
    given = module.params
    gone = [Path(path) for path in given["gone"]]
    try:
        found = prune(Path(given["root"]), Path(given["configurations"]), gone, module.check_mode)
    except OSError as exc:
        where = exc.filename or given["root"]
        module.fail_json(
            msg=f"Versions that nothing uses can't be removed: {where}: {exc.strerror}. What is left goes when the task runs again."
        )
    names = [str(path) for path in found]
    diff = {"before": "".join(f"{name}\n" for name in names), "after": ""}
    module.exit_json(changed=bool(names), removed=names, diff=diff)


if __name__ == "__main__":
    main()
