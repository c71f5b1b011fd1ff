# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs over SSH: each host has its own Python and its own way to become root. Each strategy and each release of ansible-core does the same."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import cores, mitogen, site_run

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


def changes_everything(**environment: str) -> dict[str, Any]:
    """Runs site with a change on every host, then once more without one; returns the variables that make the change."""
    level = next(LEVELS)
    variables = {f"spire_{component}_config__level": {component: {"log_level": level}} for component in ("server", "agent")}
    assert set(site_run.run("site", variables=variables, **environment).require().changed) == set(HOSTS)
    assert site_run.run("site", variables=variables, **environment).require().changed == {}
    return variables


@pytest.mark.parametrize("host", PYTHONS)
def test_each_release_of_debian_has_its_python(host: str, shell: Shell) -> None:
    assert shell(host, "python3 -c 'import sys; print(\"%d.%d\" % sys.version_info[:2])'") == PYTHONS[host]


def test_the_user_is_not_root_and_sudo_asks_for_a_password(shell: Shell) -> None:
    assert [ssh(host).stdout.strip() for host in HOSTS] == ["deploy"] * 4
    for host in ("server1", "agent1", "agent2"):
        assert shell(host, "runuser -u deploy -- sudo --non-interactive true 2>&1 || true").endswith("a password is required")
    assert shell("agent3", "runuser -u deploy -- sudo --non-interactive id --user") == "0"


def test_ansible_connects_by_ssh() -> None:
    inventory = os.path.dirname(os.environ["MOLECULE_INVENTORY_FILE"])
    command = "ansible.builtin.shell", "-a", "id --user --name; echo ${SSH_CONNECTION%% *}"
    shown = subprocess.run(
        ["ansible", "-i", inventory, "--one-line", "spire_servers,spire_agents,jump1", "-m", *command], capture_output=True, text=True, check=True,
    ).stdout
    found = dict(re.findall(r"^(\w+) \| .*\(stdout\) deploy\\n(\S+)$", shown, re.MULTILINE))
    assert set(found) == {*HOSTS, "jump1"}, shown
    # The host behind the jump host sees the jump host's address, and all others that of the controller.
    assert len({found[host] for host in found if host != "agent3"}) == 1 and found["agent3"] != found["agent1"], found


def test_one_host_is_reached_only_through_the_jump_host() -> None:
    direct = ssh("agent3", "-o", "ProxyJump=none", "-o", "BatchMode=yes")
    assert direct.returncode == 255 and "Permission denied" in direct.stderr


@pytest.mark.parametrize("strategy", ["linear", "free", "host_pinned"])
def test_strategies(strategy: str) -> None:
    changes_everything(ANSIBLE_STRATEGY=strategy)


def test_mitogen(tmp_path: Path) -> None:
    environment = mitogen.environment()
    # A play that names its strategy as ours do has its modules run in processes of Mitogen.
    play = {
        "hosts": "agent1", "gather_facts": False, "strategy": "{{ lookup('spire.fleet.linear_strategy') }}",
        "tasks": [{"ansible.builtin.command": "ps -eo args", "register": "processes"}],
    }
    (tmp_path / "ask.yml").write_text(json.dumps([play]))
    (task,) = site_run.run(str(tmp_path / "ask.yml"), **environment).require().tasks
    assert "(mitogen:" in task.result["stdout"]
    site_run.run("verify", variables=changes_everything(**environment), **environment).require()


@pytest.mark.parametrize("core", cores.CORES)
def test_releases_of_ansible_core(core: str) -> None:
    try:
        environment = cores.environment(core)
    except cores.Missing as reason:
        pytest.skip(str(reason))
    shown = subprocess.run(["ansible", "--version"], env={**os.environ, **environment}, capture_output=True, text=True, check=True).stdout
    assert shown.startswith(f"ansible [core {core}.")
    site_run.run("verify", variables=changes_everything(**environment), **environment).require()
    # The tests' own callback for JSON leads to such warnings.
    run = site_run.run("site", ANSIBLE_STDOUT_CALLBACK="ansible.builtin.default", ANSIBLE_DEPRECATION_WARNINGS="true", **environment)
    assert run.rc == 0 and "PLAY RECAP" in run.stdout and "DEPRECATION" not in run.stdout + run.stderr, run.stdout + run.stderr
