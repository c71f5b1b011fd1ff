# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pipelining for the tasks of modules whose arguments hold secrets.

Without pipelining, which is Ansible's default, a module's arguments are copied into files on the controller and on the host.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase

#: Where the inventory sets one of these variables, pipelining stays as it says, for example because of sudo's requiretty.
DECIDED = ("ansible_pipelining", "ansible_ssh_pipelining")


def switch_on(action: ActionBase, variables: Mapping[str, Any]) -> None:
    """Switches pipelining on for the task of an action, unless the inventory has decided about it."""
    # The inventory's variables are read, because Ansible adds its default to the task's variables.
    given = variables["hostvars"].raw_get(variables["inventory_hostname"])
    if any(name in given for name in DECIDED):
        return
    try:
        action._connection.get_option("pipelining")
    except KeyError:
        # A connection plugin without the option uses the play's setting.
        action._play_context.pipelining = True
    else:
        action._connection.set_option("pipelining", True)
