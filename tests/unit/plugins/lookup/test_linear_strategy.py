# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A play whose hosts do each task together runs under Mitogen, and not under a strategy in which each host goes on by itself."""

from __future__ import annotations

import pytest
import yaml
from ansible import constants

from ansible_collections.spire.fleet.plugins.lookup.linear_strategy import LookupModule
from tests.support import collection

GIVEN = "{{ lookup('spire.fleet.linear_strategy') }}"
#: these run on the controller alone
LOCAL = {"awx_setup.yml", "explain.yml", "json_schema.yml", "new_project.yml", "quickstart.yml", "quickstart_down.yml"}


@pytest.mark.parametrize(("configured", "used"), [
    ("linear", "linear"), ("ansible.builtin.linear", "ansible.builtin.linear"), ("debug", "debug"), ("mitogen_linear", "mitogen_linear"),
    ("mitogen", "mitogen"), ("free", "linear"), ("host_pinned", "linear"), ("mitogen_free", "linear"), ("ansible.builtin.free", "linear"),
])
def test_the_strategy(monkeypatch: pytest.MonkeyPatch, configured: str, used: str) -> None:
    monkeypatch.setattr(constants, "DEFAULT_STRATEGY", configured, raising=False)
    assert LookupModule().run([]) == [used]


def test_every_play_on_hosts_asks_for_it() -> None:
    playbooks = sorted((collection.REPO / "playbooks").glob("*.yml"))
    assert {path.name for path in playbooks} > LOCAL
    for path in playbooks:
        plays = yaml.safe_load(path.read_text(encoding="utf-8"))
        strategies = {play.get("strategy") for play in plays if "hosts" in play}
        assert strategies == ({None} if path.name in LOCAL else {GIVEN}), path.name
