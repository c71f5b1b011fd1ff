# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of this scenario share: a workload that watches its SVID on each agent's host, and what the servers know."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import continuity, faults
from tests.support.server_group import Known

Shell = Callable[..., str]
SECONDS = 60
HEALTHY = faults.cli("healthcheck").replace("-output json", "")


@pytest.fixture(scope="session", autouse=True)
def watched(groups: dict[str, list[str]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """Runs a workload on each agent's host, from before the first test until after the last one."""
    with continuity.watching(os.environ["MOLECULE_SCENARIO_NAME"], groups["spire_agents"], tmp_path_factory.mktemp("watched")) as files:
        yield files


@pytest.fixture(scope="session")
def known(shell: Shell) -> Callable[[str], Known]:
    """`known("server2")` returns what this server answers."""

    def ask(server: str) -> Known:
        entries = json.loads(shell(server, faults.cli("entry show")))["entries"]
        return Known(frozenset(entry["id"] for entry in entries), frozenset(shell(server, faults.AGENTS).splitlines()))

    return ask


@pytest.fixture(scope="session")
def authorities(shell: Shell) -> Callable[[str, str], str]:
    """`authorities("server2", "x509")` returns the ID of the key that this server signs with."""
    return lambda server, kind: str(json.loads(shell(server, faults.cli(f"localauthority {kind} show")))["active"]["authority_id"])


@pytest.fixture(scope="session")
def wait_healthy(shell: Shell) -> Callable[..., None]:
    """Waits until these servers are healthy."""

    def wait(*servers: str) -> None:
        end = time.monotonic() + SECONDS
        for server in servers:
            while True:
                with contextlib.suppress(AssertionError):
                    shell(server, HEALTHY)
                    break
                assert time.monotonic() < end, f"{server} is not healthy after {SECONDS} s"
                time.sleep(0.5)

    return wait
