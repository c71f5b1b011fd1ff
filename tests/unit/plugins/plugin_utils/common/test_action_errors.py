# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A failed action shows its message, without the empty traceback of older releases, and also where the task has no_log."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail

from ansible_collections.spire.fleet.plugins.plugin_utils.common import action_errors
from tests.support import collection


class OldActionFail(AnsibleActionFail):
    """Stands for the exception of ansible-core 2.17."""

    def __init__(self, message: str, result: dict[str, object]) -> None:
        super().__init__(message, result=result)
        self.own = {**result, "failed": True, "msg": message, "exception": "NoneType: None\n"}

    @property
    def result(self) -> dict[str, object]:
        """The result of the task."""
        return self.own

    @result.setter
    def result(self, value: dict[str, object]) -> None:
        """Ignores the value that the constructor of older releases sets."""


@pytest.mark.parametrize(("shown", "kept"), [(False, {}), (True, {"exception": "NoneType: None\n"})])
def test_older_releases_get_no_traceback(shown: bool, kept: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(action_errors, "SHOWN_AS_TEXT", shown)
    monkeypatch.setattr(action_errors, "AnsibleActionFail", OldActionFail)
    found = action_errors.failed("a1: no", {"missing_ca": True})
    assert isinstance(found, AnsibleActionFail)
    assert found.result == {"missing_ca": True, "failed": True, "msg": "a1: no", **kept}


def test_every_action_fails_so() -> None:
    actions = list((collection.REPO / "plugins" / "action").glob("*.py"))
    assert len(actions) > 10
    assert [path.name for path in actions if "raise AnsibleActionFail" in path.read_text(encoding="utf-8")] == []


@pytest.mark.parametrize(
    ("result", "no_log", "shown"),
    [
        ({"failed": True, "msg": "no space left"}, True, ["h: no space left"]),
        ({"failed": True, "msg": "no space left"}, False, []),
        ({"changed": True, "msg": "written"}, True, []),
        ({"failed": True, "msg": "MODULE FAILURE", "module_stderr": "a secret"}, True, []),
    ],
)
def test_the_message_of_a_module_is_shown(result: dict[str, Any], no_log: bool, shown: list[str]) -> None:
    lines: list[str] = []
    action: Any = SimpleNamespace(_task=SimpleNamespace(no_log=no_log), _display=SimpleNamespace(error=lines.append))
    action_errors.show_hidden_failure(action, result, {"inventory_hostname": "h"})
    assert lines == shown
