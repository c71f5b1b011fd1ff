# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.spire.fleet.plugins.plugin_utils.common.action_errors import show_hidden_failure

REFUSED = "join_tokens returns secrets: give its task `no_log: true`. No token was minted."


class ActionModule(ActionBase):
    """Runs the module of this name, for tasks with no_log alone.

    A module can't hide its own result: Ansible removes the marks that it returns, and connection plugins print
    what it writes at high verbosity unless the task has no_log.
    """

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        if not self._task.no_log:
            return {**result, "failed": True, "msg": REFUSED}
        result.update(self._execute_module(task_vars=task_vars))
        # A run that failed returns no token.
        show_hidden_failure(self, result, task_vars or {})
        return {**result, "_ansible_no_log": True}
