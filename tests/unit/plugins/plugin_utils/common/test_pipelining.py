# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pipelining is switched on for connections with and without the option, unless the inventory has decided about it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.common import pipelining


class Connection:
    """The part of a connection plugin that has its options."""

    def __init__(self, **options: bool) -> None:
        self.options = options

    def get_option(self, name: str) -> bool:
        return self.options[name]

    def set_option(self, name: str, value: bool) -> None:
        self.options[name] = value


def piped(connection: Connection, inventory: dict[str, Any]) -> bool:
    """Returns whether pipelining is on for this connection: by its own option or else by the play's."""
    action = SimpleNamespace(_connection=connection, _play_context=SimpleNamespace(pipelining=False))
    pipelining.switch_on(action, {"inventory_hostname": "h", "hostvars": SimpleNamespace(raw_get=lambda host: inventory)})
    return connection.options.get("pipelining", action._play_context.pipelining)


@pytest.mark.parametrize("options", [{"pipelining": False}, {"pipelining": True}, {}], ids=["off", "on", "no option"])
def test_it_is_switched_on(options: dict[str, bool]) -> None:
    assert piped(Connection(**options), {"ansible_host": "somewhere"})


@pytest.mark.parametrize("name", ["ansible_pipelining", "ansible_ssh_pipelining"])
def test_an_inventory_has_the_last_word(name: str) -> None:
    assert not piped(Connection(pipelining=False), {name: False})
