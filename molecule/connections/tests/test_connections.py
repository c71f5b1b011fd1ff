# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs over SSH: each host has its own Python and its own way to become root. Each strategy and each release of ansible-core does the same."""

from __future__ import annotations

import importlib.util
import itertools
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import cores, site_run

Shell = Callable[..., str]
HOSTS = ("server1", "agent1", "agent2", "agent3")
#: each run changes the level, so that there is something to do on every host
LEVELS = itertools.cycle(("debug", "warn", "error"))
PYTHONS = {"server1": "3.11", "agent1": "3.9", "agent2": "3.13", "agent3": "3.11"}


def ssh(host: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Logs in to a host, as Ansible does, and runs a command there."""
    config = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "ssh_config"
    argv = ["ssh", "-F", str(config), *options, f"spire-fleet-connections-{host}", "id", "--user", "--name"]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)


def changes_everything(*options: str, **environment: str) -> site_run.Run:
    """Runs site with a change on every host, then once more without one, and then verify; returns the first run."""
    level = next(LEVELS)
    variables = {f"spire_{component}_config__level": {component: {"log_level": level}} for component in ("server", "agent")}
    first = site_run.run("site", *options, variables=variables, **environment).require()
    assert set(first.changed) == set(HOSTS)
    assert site_run.run("site", *options, variables=variables, **environment).require().changed == {}
    site_run.run("verify", *options, variables=variables, **environment).require()
    return first


@pytest.mark.parametrize("host", PYTHONS)
def test_each_release_of_debian_has_its_python(host: str, shell: Shell) -> None:
    assert shell(host, "python3 -c 'import sys; print(\"%d.%d\" % sys.version_info[:2])'") == PYTHONS[host]


def test_the_user_is_not_root_and_sudo_asks_for_a_password(shell: Shell) -> None:
    assert [ssh(host).stdout.strip() for host in HOSTS] == ["deploy"] * 4
    for host in ("server1", "agent1", "agent2"):
        assert shell(host, "runuser -u deploy -- sudo --non-interactive true 2>&1 || true").endswith("a password is required")
    assert shell("agent3", "runuser -u deploy -- sudo --non-interactive id --user") == "0"


def test_one_host_is_reached_only_through_the_jump_host() -> None:
    direct = ssh("agent3", "-o", "ProxyJump=none", "-o", "BatchMode=yes")
    assert direct.returncode == 255 and "Permission denied" in direct.stderr


@pytest.mark.parametrize("strategy", ["linear", "free", "host_pinned"])
def test_strategies(strategy: str) -> None:
    changes_everything(ANSIBLE_STRATEGY=strategy)


def test_mitogen() -> None:
    spec = importlib.util.find_spec("ansible_mitogen")
    assert spec and spec.submodule_search_locations
    plugins = str(Path(spec.submodule_search_locations[0]) / "plugins" / "strategy")
    run = changes_everything("-vvvv", ANSIBLE_STRATEGY="mitogen_linear", ANSIBLE_STRATEGY_PLUGINS=plugins)
    # Its own processes on the hosts write their log there.
    assert "mitogen" in run.stdout + run.stderr


@pytest.mark.parametrize("pipelining", ["true", "false"])
def test_pipelining(pipelining: str) -> None:
    changes_everything("-e", f"ansible_ssh_pipelining={pipelining}")


@pytest.mark.parametrize("core", cores.CORES)
def test_releases_of_ansible_core(core: str) -> None:
    try:
        environment = cores.environment(core)
    except cores.Missing as reason:
        pytest.skip(str(reason))
    shown = subprocess.run(["ansible", "--version"], env={**os.environ, **environment}, capture_output=True, text=True, check=True).stdout
    assert shown.startswith(f"ansible [core {core}.")
    run = changes_everything(ANSIBLE_DEPRECATION_WARNINGS="true", **environment)
    assert "DEPRECATION" not in run.stderr, run.stderr
