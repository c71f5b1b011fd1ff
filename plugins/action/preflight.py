# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks the whole inventory on the controller, before any host is touched."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.spire.fleet.plugins.plugin_utils.common import problems
from ansible_collections.spire.fleet.plugins.plugin_utils.common.failure import SHOWN_AS_TEXT, failed
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.templating import fleet_of
from ansible_collections.spire.fleet.plugins.plugin_utils.rules import run as rules_run
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.fleet import release_support


class ActionModule(ActionBase):
    """See the documentation of the module of the same name."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Returns the counts; raises AnsibleActionFail with every mistake of every host."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _spec, arguments = self.validate_argument_spec({"acts": {"type": "bool", "default": False}})
        variables = task_vars or {}
        fleet = fleet_of(variables, self._templar)
        tags = [variables.get(name) or () for name in ("ansible_run_tags", "ansible_skip_tags")]
        found = rules_run.of_fleet(fleet, release_support.taken(*tags) if arguments["acts"] else ())
        mistakes = problems.errors(found)
        if mistakes:
            count = len(problems.merged(mistakes))
            title = f"{count} {'mistake' if count == 1 else 'mistakes'} in the inventory; no host was touched."
            report = f"{title}\n\n{problems.report(found)}"
            if not SHOWN_AS_TEXT:
                self._display.display(report, stderr=True)
            raise failed(report)
        warnings = problems.render(found)
        if warnings:
            result["warnings"] = [line.removeprefix("warning: ") for line in warnings.splitlines()]
        result.update(changed=False, servers=len(fleet.servers), agents=len(fleet.agents))
        return result
