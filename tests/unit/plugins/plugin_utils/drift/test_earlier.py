# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A check that was made just before is not repeated for the first hosts that change."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.action.component_drift import ActionModule

KNOWN = {"differs": True, "differences": ["file /etc/spire/agent/main.conf"]}


def earlier(host: str, batch: list[str], known: dict[str, Any], **task: bool) -> dict[str, Any]:
    action = ActionModule.__new__(ActionModule)
    action._task = SimpleNamespace(**{"check_mode": False, "diff": False, **task})
    action.variables = {
        "inventory_hostname": host, "ansible_play_hosts_all": ["a1", "a2", "a3"], "ansible_play_batch": batch, "known": known, "earlier": "known",
    }
    return action._earlier("earlier")


@pytest.mark.parametrize(("host", "batch"), [("a1", ["a1"]), ("a2", ["a1", "a2"]), ("a3", ["a1", "a2", "a3"])])
def test_the_first_batch_is_not_checked_again(host: str, batch: list[str]) -> None:
    assert earlier(host, batch, KNOWN) == KNOWN


@pytest.mark.parametrize(
    ("host", "batch", "known", "task"),
    [
        ("a2", ["a2"], KNOWN, {}), ("a3", ["a3"], KNOWN, {}), ("a1", ["a1"], KNOWN, {"check_mode": True}), ("a1", ["a1"], KNOWN, {"diff": True}),
        ("a1", ["a1"], {"unreachable": True}, {}), ("a1", ["a1"], {"differs": False}, {}), ("a1", ["a1"], {}, {}),
    ],
    ids=["second batch", "third batch", "check mode", "diff mode", "unreachable before", "matched before", "no check before"],
)
def test_otherwise_the_host_is_checked_again(host: str, batch: list[str], known: dict[str, Any], task: dict[str, bool]) -> None:
    assert earlier(host, batch, known, **task) == {}


def test_a_play_without_a_check_before_it_checks_the_host() -> None:
    action = ActionModule.__new__(ActionModule)
    action._task = SimpleNamespace(check_mode=False, diff=False)
    action.variables = {"inventory_hostname": "a1", "ansible_play_hosts_all": ["a1"], "ansible_play_batch": ["a1"]}
    assert action._earlier("spire_agent_earlier") == {}
