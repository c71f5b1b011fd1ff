# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the testinfra tests of all scenarios share."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import testinfra
import yaml
from testinfra.host import Host

from tests.hosts.connection.fleet_host import ENVIRONMENT, NAMESPACES, PIDS
from tests.secret_scan import collect
from tests.support import collection, snapshot

collection.make_importable()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Every stage of a scenario has a report of its own, or the last would overwrite the others."""
    if config.option.xmlpath:
        stage = Path(config.args[0]).parent.name
        config.option.xmlpath = config.option.xmlpath.replace(".xml", f"-{stage}.xml")


def pytest_sessionfinish() -> None:
    """What a stage has brought is collected before the next one replaces it."""
    collect.moment(os.environ["MOLECULE_SCENARIO_NAME"], thorough=True)


def _inventory() -> dict[str, list[str]]:
    """The hosts of each group, as the scenario's molecule.yml names them."""
    platforms = yaml.safe_load(Path(os.environ["MOLECULE_FILE"]).read_text(encoding="utf-8"))["platforms"]
    groups: dict[str, list[str]] = {"all": [platform["name"] for platform in platforms]}
    for platform in platforms:
        for group in platform.get("groups", []):
            groups.setdefault(group, []).append(platform["name"])
    return groups


@pytest.fixture(scope="session")
def groups() -> dict[str, list[str]]:
    return _inventory()


@pytest.fixture(scope="session")
def fleet_host() -> Callable[[str], Host]:
    """`fleet_host("server1")`: testinfra's view of a host, straight through podman (its own view through Ansible is slow)."""

    def find(name: str) -> Host:
        return testinfra.get_host(f"podman://spire-fleet-{os.environ['MOLECULE_SCENARIO_NAME']}-{name}")

    return find


@pytest.fixture(scope="session")
def shell() -> Callable[..., str]:
    """`shell("agent1", "id")`: what the command prints there; an assertion error where it fails."""

    def call(host: str, command: str, given: str = "") -> str:
        pid = (PIDS / f"spire-fleet-{os.environ['MOLECULE_SCENARIO_NAME']}-{host}").read_text(encoding="ascii").strip()
        argv = ["nsenter", f"--target={pid}", *NAMESPACES, "--", "/bin/sh", "-c", command]
        done = subprocess.run(argv, input=given, capture_output=True, text=True, env=ENVIRONMENT, check=False)
        assert done.returncode == 0, f"{host}: {command}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    return call


@pytest.fixture(scope="session")
def take_snapshot(shell: Callable[..., str], groups: dict[str, list[str]]) -> Callable[..., dict[str, Any]]:
    """`take_snapshot()`: by host, everything that a run could change; `take_snapshot(True)`: every file of every host."""
    program = Path(snapshot.__file__).read_text(encoding="utf-8")

    def take(everything: bool = False) -> dict[str, Any]:
        found = {}
        for host in groups["all"]:
            what = [one for one in ("server", "agent") if host in groups.get(f"spire_{one}s", [])]
            arguments = "everything" if everything else " ".join(what)
            found[host] = json.loads(shell(host, f"python3 - {arguments}", given=program))
        return found

    return take


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test with an argument `each_GROUP` runs once for every host of the group; `each_all` for every host."""
    for argument in metafunc.fixturenames:
        if argument.startswith("each_"):
            names = _inventory().get(argument[len("each_"):], [])
            assert names, f"{argument}: the scenario has no host in that group"
            hosts = [testinfra.get_host(f"podman://spire-fleet-{os.environ['MOLECULE_SCENARIO_NAME']}-{name}") for name in names]
            metafunc.parametrize(argument, hosts, ids=names, scope="session")
