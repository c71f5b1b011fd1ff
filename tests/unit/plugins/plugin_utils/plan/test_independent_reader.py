# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""pyhcl, an independent parser, reads rendered configurations as the same tree. It is right about everything in a plain configuration."""

from __future__ import annotations

from typing import Any

import hcl as pyhcl
import pytest

from tests.unit.builders.fleets import planned

OPTIONS: dict[str, dict[str, Any]] = {
    "server": {"telemetry": {"Prometheus": {"port": 9988}}, "server": {"ca_ttl": "72h", "audit_log_enabled": True}},
    "agent": {"agent": {"log_level": "DEBUG"}, "plugins": {"WorkloadAttestor": {"unix": {"plugin_data": {}}}}},
}


@pytest.mark.parametrize("component", ["server", "agent"])
def test_another_parser_reads_what_was_planned(component: str) -> None:
    made = planned(component, **{f"spire_{component}_config": OPTIONS[component]})
    read = pyhcl.loads(made.render())
    for kind, plugins in made.tree["plugins"].items():
        assert read["plugins"][kind] == plugins
    assert {key: value for key, value in read.items() if key != "plugins"} == {
        key: value for key, value in made.tree.items() if key != "plugins"
    }
