# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.spire.fleet.plugins.plugin_utils.common.action_errors import show_hidden_failure

#: Where the inventory sets one of these variables, pipelining stays as it says, for example because of sudo's requiretty.
DECIDED = ("ansible_pipelining", "ansible_ssh_pipelining")


class ActionModule(ActionBase):
    """Runs the module of this name with pipelining, so that no file but the one that is written ever holds the secret.

    Without pipelining, which is Ansible's default, a module's arguments are copied into files on the controller and on the host.
    """

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        self._pipe(task_vars or {})
        result.update(self._execute_module(task_vars=task_vars))
        show_hidden_failure(self, result, task_vars or {})
        return result

    def _pipe(self, variables: Mapping[str, Any]) -> None:
        # The inventory's variables are read, because Ansible adds its default to the task's variables.
        given = variables["hostvars"].raw_get(variables["inventory_hostname"])
        if any(name in given for name in DECIDED):
            return
        try:
            self._connection.get_option("pipelining")
        except KeyError:
            # A connection plugin without the option uses the play's setting.
            self._play_context.pipelining = True
        else:
            self._connection.set_option("pipelining", True)
