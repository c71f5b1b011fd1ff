# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tasks on the controller run as the user who started them, even where the inventory sets ansible_become for all hosts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.support.collection import REPO

FILES = sorted([*REPO.glob("playbooks/*.yml"), *REPO.glob("roles/*/tasks/*.yml"), *REPO.glob("roles/*/handlers/*.yml")])
CONTROLLERS = ("localhost", "127.0.0.1", "::1")
PARTS = ("tasks", "pre_tasks", "post_tasks", "handlers", "block", "rescue", "always")


def privileged(listed: list[dict[str, Any]], here: bool = False, become: Any = None) -> Iterator[str]:
    """Yields the names of plays, blocks and tasks on the controller without ansible_become: false, of their own or of one around them."""
    for one in listed:
        at_controller = here or one.get("delegate_to") in CONTROLLERS or one.get("hosts") in CONTROLLERS or (
            one.get("connection") in ("local", "ansible.builtin.local") or "local_action" in one
        )
        own = (one.get("vars") or {}).get("ansible_become", become)
        if at_controller and own is not False:
            yield one["name"]
        else:
            for part in PARTS:
                yield from privileged(one.get(part) or [], at_controller, own)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(REPO)))
def test_tasks_on_the_controller_are_unprivileged(path: Any) -> None:
    assert not list(privileged(yaml.safe_load(path.read_text(encoding="utf-8"))))


@pytest.mark.parametrize(("wrong", "right"), [
    ({"delegate_to": "localhost"}, {"delegate_to": "localhost", "vars": {"ansible_become": False}}),
    ({"connection": "local", "become": False}, {"connection": "local", "vars": {"ansible_become": False}}),
    ({"local_action": {"module": "ansible.builtin.ping"}}, {"delegate_to": "{{ item.server }}"}),
    ({"delegate_to": "localhost", "vars": {"ansible_become": True}}, {"vars": {"ansible_become": True}}),
])
def test_a_task_with_privileges_is_found(wrong: dict[str, Any], right: dict[str, Any]) -> None:
    assert list(privileged([{"name": "wrong", **wrong}])) == ["wrong"]
    assert not list(privileged([{"name": "right", **right}]))
    assert list(privileged([{"name": "around", "block": [{"name": "inside", **wrong}]}])) == ["inside"]
    play = {"name": "play", "hosts": "localhost", "tasks": [{"name": "task"}]}
    assert list(privileged([play])) == ["play"]
    assert not list(privileged([{**play, "vars": {"ansible_become": False}}]))
