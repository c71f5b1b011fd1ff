# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.spire.fleet.plugins.plugin_utils.common import pipelining
from ansible_collections.spire.fleet.plugins.plugin_utils.common.action_errors import show_hidden_failure


class ActionModule(ActionBase):
    """Runs the module of this name with pipelining, so that no file but the one that is written ever holds the secret."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        pipelining.switch_on(self, task_vars or {})
        result.update(self._execute_module(task_vars=task_vars))
        show_hidden_failure(self, result, task_vars or {})
        return result
