# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Counts the plans that a run of Ansible makes, in its main process and in all that are forked from it."""

from __future__ import annotations

import json
import os
from typing import Any

from ansible.plugins.callback import CallbackBase

from ansible_collections.spire.fleet.plugins.plugin_utils.plan import build

DOCUMENTATION = """
name: plan_count
type: aggregate
short_description: Counts plans
description: Appends a line to the file that PLAN_COUNT names for each plan that is made.
"""

_MAIN = os.getpid()
_MADE = build.Plan
_task = ""


def _counted(component: str, host: str, *more: Any, **fields: Any) -> Any:
    line = {"component": component, "host": host, "task": _task, "main": os.getpid() == _MAIN}
    with open(os.environ["PLAN_COUNT"], "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    return _MADE(component, host, *more, **fields)


# This replaces the class before Ansible forks a process.
build.Plan = _counted  # type: ignore[assignment, misc]


class CallbackModule(CallbackBase):
    """Remembers the task whose processes are forked next."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "plan_count"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        global _task  # pylint: disable=global-statement
        _task = task.get_name()
