# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The base class of the collection's actions."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any, ClassVar

from ansible.plugins.action import ActionBase

from ansible_collections.spire.fleet.plugins.plugin_utils.common import problems
from ansible_collections.spire.fleet.plugins.plugin_utils.common.action_errors import failed
from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.templating import fleet_of
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan

#: the fields of a module's result with its unparsed output or its arguments, which may hold secrets
UNSAFE = ("module_stdout", "module_stderr", "stdout", "stdout_lines", "stderr", "stderr_lines", "invocation")


class FleetAction(ActionBase):
    """Validates the arguments, calls ``act``, and turns the errors that it expects into the message of a failed task."""

    ARGUMENTS: ClassVar[dict[str, dict[str, Any]]] = {}
    #: further conditions of the arguments, such as mutually_exclusive, as keyword arguments of Ansible's validation
    CONSTRAINTS: ClassVar[dict[str, Any]] = {}
    #: exceptions that the user can correct, such as mistakes in variables; they fail the task with their message
    EXPECTED: ClassVar[tuple[type[Exception], ...]] = ()
    #: whether their messages begin with the host's name
    NAMES_HOST: ClassVar[bool] = True

    variables: dict[str, Any]

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Returns what ``act`` returns; raises AnsibleActionFail for its expected errors."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        self.variables = task_vars or {}
        _spec, arguments = self.validate_argument_spec(self.ARGUMENTS, **self.CONSTRAINTS)
        try:
            return {**result, **self.act(arguments)}
        except self.EXPECTED as exc:
            # The cause is left out, because Ansible would show it as well, and a library's message may quote a part of a key.
            raise failed(f"{self.host}: {exc}" if self.NAMES_HOST else str(exc)) from None

    def act(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Does the work of the action and returns its result."""
        raise NotImplementedError

    @property
    def host(self) -> str:
        """The inventory name of the task's host."""
        return str(self.variables["inventory_hostname"])

    @functools.cached_property
    def fleet(self) -> Fleet:
        """The inventory as this task sees it."""
        return fleet_of(self.variables, self._templar)

    def plan(self, component: str) -> Plan:
        """Returns the plan of a component of the task's host."""
        return plan(component, self.host, self.fleet)

    def refuse(self, found: Iterable[Problem]) -> None:
        """Raises AnsibleActionFail if there is an error among these problems of the task's host."""
        mistakes = problems.errors(found)
        if mistakes:
            raise failed(problems.render(problems.for_host(mistakes, self.host)))

    def execute_hidden(self, module_name: str, module_args: dict[str, Any]) -> dict[str, Any]:
        """Runs a module whose arguments or result hold secrets, and returns its result. Both are kept out of every log.

        What the module printed besides its result, and its arguments, are left out.
        """
        task, context = self._task.no_log, self._play_context.no_log
        self._task.no_log = self._play_context.no_log = True
        try:
            result = self._execute_module(module_name=module_name, module_args=module_args, task_vars=self.variables)
        finally:
            self._task.no_log, self._play_context.no_log = task, context
        return {key: value for key, value in result.items() if key not in UNSAFE}

    def named(self, name: str | None) -> str:
        """Returns the value of a variable, which is the name of the variable with a result of an earlier task; empty where it is not set.

        A play sets it where that result holds. It is a name and no template, because a template costs each of many hosts more than the rest of the
        task's preparation.
        """
        return str(self.variables.get(name or "") or "")

    def earlier_state(self, name: str | None) -> dict[str, Any]:
        """Returns the state of the server that the task is delegated to, as its drift check in this run has found it. Empty where none holds.

        ``name`` is as in ``named``, for the result of the check.
        """
        result = self.named(name)
        checked = self.registered(self._task.delegate_to or self.host, result) if result else {}
        # A server that differs is changed after the check, and one that has been changed may know other agents and entries by now.
        holds = checked.get("differs") is False and not checked.get("applied")
        return dict(checked.get("state") or {}) if holds else {}

    def registered(self, host: str, name: str) -> Any:
        """Returns a registered result of a host, or an empty dictionary. It may be large, so it is read without templating."""
        return self.variables["hostvars"].raw_get(host).get(name) or {}
