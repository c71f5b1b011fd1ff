# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures that the testinfra tests of all scenarios share."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from testinfra.backend.base import BaseBackend, CommandResult
from testinfra.host import Host

from tests.hosts.connection.fleet_host import ENVIRONMENT, NAMESPACES, PIDS
from tests.secret_scan import collect
from tests.support import collection, snapshot

collection.make_importable()


def _stage(config: pytest.Config) -> str:
    """Returns the name of the directory whose tests molecule runs."""
    return Path(config.args[0]).parent.name


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Gives each stage of a scenario a report of its own; the last stage would overwrite the others' otherwise."""
    if config.option.xmlpath:
        config.option.xmlpath = config.option.xmlpath.replace(".xml", f"-{_stage(config)}.xml")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Collects the secrets that are in use at the end of a stage, before the next stage replaces them."""
    # After the secret scan no secrets are needed any more.
    if _stage(session.config) != "secret_scan":
        collect.moment(os.environ["MOLECULE_SCENARIO_NAME"], thorough=True)


def _inventory() -> dict[str, list[str]]:
    """Returns the hosts of each group, as the scenario's molecule.yml names them."""
    platforms = yaml.safe_load(Path(os.environ["MOLECULE_FILE"]).read_text(encoding="utf-8"))["platforms"]
    groups: dict[str, list[str]] = {"all": [platform["name"] for platform in platforms]}
    for platform in platforms:
        for group in platform.get("groups", []):
            groups.setdefault(group, []).append(platform["name"])
    return groups


@pytest.fixture(scope="session")
def groups() -> dict[str, list[str]]:
    return _inventory()


def _run(host: str, command: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Runs a shell command on a host, inside the namespaces of its container."""
    pid = (PIDS / f"spire-fleet-{os.environ['MOLECULE_SCENARIO_NAME']}-{host}").read_text(encoding="ascii").strip()
    argv = ["nsenter", f"--target={pid}", *NAMESPACES, "--", "/bin/sh", "-c", command]
    return subprocess.run(argv, input=given, capture_output=True, env=ENVIRONMENT, check=False)


class FleetHost(BaseBackend):
    """testinfra's connection to a host. Its own connections start podman or Ansible for each command, which is slow."""

    NAME = "fleet_host"

    def run(self, command: str, *args: str, **_options: Any) -> CommandResult:
        """Runs a shell command."""
        line = self.get_command(command, *args)
        done = _run(self.hostname, line)
        return self.result(done.returncode, self.encode(line), done.stdout, done.stderr)


def _testinfra_host(name: str) -> Host:
    backend = FleetHost(name)
    host = Host(backend)
    backend.set_host(host)
    return host


@pytest.fixture(scope="session")
def fleet_host() -> Callable[[str], Host]:
    """`fleet_host("server1")` returns testinfra's view of a host."""
    return _testinfra_host


@pytest.fixture(scope="session")
def shell() -> Callable[..., str]:
    """`shell("agent1", "id")` returns what the command prints on the host; it is an assertion error where the command fails."""

    def call(host: str, command: str, given: str = "") -> str:
        done = _run(host, command, given.encode())
        output, error = done.stdout.decode(), done.stderr.decode(errors="replace")
        assert done.returncode == 0, f"{host}: {command}: {output}{error}"
        return output.strip()

    return call


@pytest.fixture(scope="session")
def take_snapshot(shell: Callable[..., str], groups: dict[str, list[str]]) -> Callable[..., dict[str, Any]]:
    """`take_snapshot()` returns by host everything that a run could change, `take_snapshot(True)` every file of every host."""
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
    """Runs a test with an argument `each_GROUP` once for every host of the group, and one with `each_all` for every host."""
    for argument in metafunc.fixturenames:
        if argument.startswith("each_"):
            names = _inventory().get(argument[len("each_"):], [])
            assert names, f"{argument}: the scenario has no host in that group"
            metafunc.parametrize(argument, [_testinfra_host(name) for name in names], ids=names, scope="session")
