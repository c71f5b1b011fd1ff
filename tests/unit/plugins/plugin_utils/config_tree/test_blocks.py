# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Trees are read correctly: which plugins are enabled, which values are set, and the value at a path."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.blocks import (
    all_plugins, block, get, is_set, plugin_data, plugin_is_enabled, plugins,
)

TREE: dict[str, Any] = {
    "server": {"port": 1},
    "plugins": {
        "KeyManager": {"disk": {"plugin_data": {"keys_path": "/k"}}, "memory": {"enabled": False, "plugin_data": {"a": 1}}},
        "NodeAttestor": {"join_token": None},
        "Notifier": "no block",
    },
}


@pytest.mark.parametrize(
    ("body", "enabled"),
    [({}, True), (None, True), ({"enabled": True}, True), ({"enabled": False}, False), ({"enabled": "No"}, False), ({"enabled": "off"}, False)],
)
def test_a_plugin_is_enabled_unless_it_says_otherwise(body: Any, enabled: bool) -> None:
    assert plugin_is_enabled(body) is enabled


@pytest.mark.parametrize(
    ("value", "expected"), [(None, False), (False, False), ("", False), ([], False), ({}, True), (0, True), ("x", True), (True, True)]
)
def test_an_empty_block_is_set_and_an_empty_text_is_not(value: Any, expected: bool) -> None:
    assert is_set(value) is expected


def test_what_is_at_a_path() -> None:
    assert get(TREE, "server", "port") == 1
    assert get(TREE, "server", "port", "deeper") is None
    assert block(TREE, "server") == {"port": 1}
    assert block(TREE, "server", "port") == {}


def test_plugins_that_are_not_enabled_are_left_out() -> None:
    assert plugins(TREE, "KeyManager") == {"disk": {"plugin_data": {"keys_path": "/k"}}}
    assert list(all_plugins(TREE)) == [
        ("KeyManager", "disk", {"plugin_data": {"keys_path": "/k"}}), ("NodeAttestor", "join_token", {}),
    ]
    assert plugin_data(TREE, "KeyManager", "disk") == {"keys_path": "/k"}
    assert plugin_data(TREE, "KeyManager", "memory") == {}
