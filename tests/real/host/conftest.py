# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import collection
from tests.support.real_spire import RealAgent, RealServer

Module = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def server(spire_server: Path) -> Iterator[RealServer]:
    with RealServer(spire_server) as running:
        yield running


@pytest.fixture(scope="module")
def agent(spire_agent: Path, server: RealServer) -> Iterator[RealAgent]:
    with RealAgent(spire_agent, server) as running:
        yield running


@pytest.fixture
def module(tmp_path: Path) -> Module:
    """Runs a module as Ansible does on a host, in a process that reads arguments and prints one JSON object."""

    def run(name: str, check: bool = False, **arguments: Any) -> dict[str, Any]:
        path = tmp_path / "arguments.json"
        path.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": {
            **arguments, "_ansible_check_mode": check, "_ansible_diff": True,
        }}))
        done = subprocess.run(
            [sys.executable, "-m", f"ansible_collections.spire.fleet.plugins.modules.{name}", str(path)],
            env={**os.environ, "PYTHONPATH": str(collection.COLLECTIONS)}, capture_output=True, text=True,
            timeout=120, check=False,
        )
        assert done.stdout.strip().startswith("{"), done.stdout + done.stderr
        result = json.loads(done.stdout)
        assert bool(result.get("failed")) == (done.returncode != 0)
        return dict(result)

    return run
