# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fleet goes back to the minor release before: the server waits for its agents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import supervised
from tests.support.local_fleet import LocalFleet

BEFORE = "1.14.7"


@pytest.fixture(name="fleet")
def fixture_fleet(spire_server: Path) -> Iterator[LocalFleet]:
    with supervised.directory() as directory:
        yield LocalFleet(directory, spire_server.parent, spire_entries=[], **installed(directory, spire_server))


def installed(directory: Path, binary: Path) -> dict[str, Any]:
    """Returns the variables that install SPIRE from the directory of this binary."""
    return {"spire_install_source": "local", "spire_local_dir": str(binary.parent), "spire_install_root": str(directory / "opt")}


def test_agents_go_back_first(fleet: LocalFleet, spire_binary: Callable[..., Path]) -> None:
    before = {"spire_version": BEFORE, **installed(fleet.directory, spire_binary("spire-server", BEFORE))}
    fleet.run("site").require()
    refused = fleet.run("site", **before)
    assert list(refused.failed) == ["one"] and refused.changed == {}
    assert "Agents that are newer: spiffe://fleet.test/spire/agent/join_token/" in refused.failed["one"]
    # This host has both, so the tag does what --limit does for others.
    fleet.run("site", "--tags", "agents", **before).require()
    assert fleet.run("site", **before).require().changed
    assert fleet.run("site", "--check", **before).require().changed == {}
