# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks the whole inventory on the controller, before any host is touched."""

from __future__ import annotations

from typing import Any

from ansible import context
from ansible.utils.vars import load_extra_vars

from ansible_collections.spire.fleet.plugins.plugin_utils.common import problems, volumes
from ansible_collections.spire.fleet.plugins.plugin_utils.common.action_errors import SHOWN_AS_TEXT, failed
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory import awx, unread
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.action_base import FleetAction
from ansible_collections.spire.fleet.plugins.plugin_utils.rules import run as rules_run
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.fleet import release_support


class ActionModule(FleetAction):
    """See the documentation of the module of the same name."""

    _requires_connection = False
    ARGUMENTS = {"acts": {"type": "bool", "default": False}}

    def act(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Returns the counts, also for the next node of a workflow; raises AnsibleActionFail with every mistake of every host."""
        tags = [self.variables.get(name) or () for name in ("ansible_run_tags", "ansible_skip_tags")]
        steps = release_support.taken(*tags) if arguments["acts"] else ()
        given = context.CLIARGS
        self.fleet.unread_directories = unread.directories(given.get("args") or (), given.get("inventory") or (), self.variables.get("playbook_dir") or "")
        extra = load_extra_vars(self._loader)
        self.fleet.extra_variables = frozenset(map(str, extra))
        self.fleet.job_slice = awx.is_slice(extra)
        self.fleet.container = volumes.current()
        found = rules_run.of_fleet(self.fleet, steps, self.variables.get("ansible_play_hosts_all"))
        mistakes = problems.errors(found)
        if mistakes:
            count = len(problems.merged(mistakes))
            title = f"{count} {'mistake' if count == 1 else 'mistakes'} in the inventory; no host was touched."
            report = f"{title}\n\n{problems.report(found)}"
            if not SHOWN_AS_TEXT:
                self._display.display(report, stderr=True)
            raise failed(report)
        warnings = [line.removeprefix("warning: ") for line in problems.render(found).splitlines()]
        counts = {"servers": len(self.fleet.servers), "agents": len(self.fleet.agents)}
        # This is what ansible.builtin.set_stats returns; a task for it would take longer than preflight itself in a small fleet.
        stats = {"data": {"spire_preflight": {**counts, "warnings": len(warnings)}}, "per_host": False, "aggregate": False}
        return {"changed": False, **counts, "warned": len(warnings), "ansible_stats": stats, **({"warnings": warnings} if warnings else {})}
