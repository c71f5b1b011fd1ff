# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints a rule of preflight with its examples."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.spire.fleet.plugins.plugin_utils.common.action_errors import failed
from ansible_collections.spire.fleet.plugins.plugin_utils.rules import catalogue


class ActionModule(ActionBase):
    """See the documentation of the module of the same name."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Returns the text that it prints; raises AnsibleActionFail with the nearest ids where no rule has this one."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _spec, arguments = self.validate_argument_spec({"rule": {"type": "str", "default": ""}})
        try:
            text = catalogue.explain(arguments["rule"]) if arguments["rule"] else catalogue.index()
        except KeyError:
            raise failed(catalogue.unknown(arguments["rule"])) from None
        self._display.display(text)
        result.update(changed=False, text=text)
        return result
