# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server and an agent under supervisor, in one directory of this machine, without root."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.support import site_run
from tests.support.real_spire import free_port


def variables(root: str, binaries: Path) -> dict[str, Any]:
    """Returns the variables with which everything runs under supervisor, without root, in a ``spire_root_dir`` of this machine."""
    return {
        "ansible_connection": "local", "ansible_host": "127.0.0.1", "ansible_python_interpreter": sys.executable, "spire_become": False,
        "spire_service_manager": "supervisor", "spire_supervisor_bin": str(Path(sys.executable).parent),
        "spire_root_dir": root, "spire_install_source": "preinstalled", "spire_bin_dir": str(binaries),
        "spire_version": binaries.parent.name, "spire_server_address": "127.0.0.1",
    }


class LocalFleet:
    """An inventory with one host, and runs of the collection's playbooks on it. tests/support/supervised.py ends its processes."""

    def __init__(self, directory: Path, binaries: Path, **more: Any) -> None:
        self.directory = directory
        self.inventory = directory / "inventory.yml"
        health, agents = free_port(), free_port()
        own: dict[str, Any] = {
            **variables(str(directory / "r"), binaries), "spire_trust_domain": "fleet.test",
            "spire_server_config": {"server": {"bind_address": "127.0.0.1", "bind_port": free_port()}, "health_checks": {"bind_port": str(health)}},
            "spire_agent_config": {"health_checks": {"bind_port": str(agents)}}, **more,
        }
        hosts = {"spire_servers": {"hosts": {"one": None}}, "spire_agents": {"hosts": {"one": None}}}
        self.inventory.write_text(yaml.safe_dump({"all": {"vars": own}, **hosts}))

    def run(self, playbook: str, *options: str, **variables: Any) -> site_run.Run:
        """Runs a playbook of the collection to its end."""
        argv = ["ansible-playbook", "-i", str(self.inventory), *options, "-e", json.dumps(variables), site_run.PLAYBOOKS + playbook]
        environment = {**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"}
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
        return site_run.Run(done.returncode, done.stdout, done.stderr)

    @property
    def processes(self) -> dict[str, str]:
        """The process ID of each component that runs."""
        found = {}
        for entry in Path("/proc").iterdir():
            try:
                command = (entry / "cmdline").read_bytes().decode().split("\0") if entry.name.isdigit() else []
            except OSError:
                continue
            for component in ("server", "agent"):
                if f"{self.directory}/r/etc/{component}/main.conf" in command:
                    found[component] = entry.name
        assert len(found) == 2
        return found
