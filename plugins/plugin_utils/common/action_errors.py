# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The error of an action, which every release of Ansible shows as its message only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.release import __version__ as ansible_version

#: Ansible 2.19 shows the message of a failure as text; older releases show it as one line of JSON alone
SHOWN_AS_TEXT = tuple(map(int, ansible_version.split(".")[:2])) >= (2, 19)


def failed(message: str, result: Mapping[str, Any] | None = None) -> AnsibleActionFail:
    """Returns the error to raise for a mistake in what the action was given. ``result`` is what the task returns besides."""
    made = AnsibleActionFail(message, result=dict(result or {}))
    if not SHOWN_AS_TEXT:
        # Older releases print the last line of a traceback above the message: "NoneType: None" where there is none. A failed result
        # instead of an error would avoid that, but from 2.19 on Ansible puts words of its own before the message of a result.
        made.result.pop("exception", None)
    return made


def show_hidden_failure(action: ActionBase, result: Mapping[str, Any], variables: Mapping[str, Any]) -> None:
    """Shows why a module failed whose task has no_log, for modules whose own messages never hold a secret.

    ansible-core 2.17 hides the whole result of such a task. The output of a module that crashed is not shown.
    """
    if result.get("failed") and action._task.no_log and "module_stderr" not in result:
        action._display.error(f"{variables.get('inventory_hostname', '')}: {result.get('msg', '')}")
