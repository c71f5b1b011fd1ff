#!/usr/bin/python
# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: prune_releases
short_description: Remove versions of SPIRE that no instance uses
version_added: 0.1.0
description:
  - Removes every directory of a version that M(spire.fleet.release) placed and that no link beside it names any more.
  - Directories without a manifest of that module are left alone.
  - Versions of external plugins, C(plugins/<name>/<version>) in it, go when no configuration names them any more.
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
extends_documentation_fragment:
  - spire.fleet.attributes
seealso:
  - module: spire.fleet.release
"""

EXAMPLES = r"""
- name: Remove versions that nothing uses any more
  spire.fleet.prune_releases:
"""

RETURN = r"""
removed:
  description: The directories that were removed.
  returned: success
  type: list
  elements: str
"""

import shutil
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.spire.fleet.plugins.module_utils.release import locked, remove_empty, unused, unused_plugins


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "root": {"type": "path", "default": "/opt/spire"},
            "configurations": {"type": "path", "default": "/etc/spire"},
        },
        supports_check_mode=True,
    )
    root = Path(module.params["root"])
    texts = [path.read_text(errors="replace") for path in sorted(Path(module.params["configurations"]).glob("*/*.conf"))]
    found = [*unused(root), *unused_plugins(root, texts)]
    if found and not module.check_mode:
        with locked(root):
            for path in found:
                shutil.rmtree(path)
                remove_empty(path.parent, root)
    names = [str(path) for path in found]
    diff = {"before": "".join(f"{name}\n" for name in names), "after": ""}
    module.exit_json(changed=bool(found), removed=names, diff=diff)


if __name__ == "__main__":
    main()
