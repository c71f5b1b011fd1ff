# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A project, made by new_project, whose inventory has servers and agents on this machine, and what AWX knows of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.support import awx_job, local_fleet, playbook_run
from tests.support.real_spire import free_port

#: AWX's credential of the type "SPIRE upstream passphrase"
CREDENTIALS = {"SPIRE_PKI_PASSPHRASE": "planted-passphrase-5d20-of-a-credential"}


def variables(directory: Path, binaries: Path) -> dict[str, Any]:
    """Returns the variables of a fleet that runs under supervisor, each host in a directory of its own, which is no part of a job."""
    return {**local_fleet.variables(f"{directory}/{{{{ inventory_hostname }}}}", binaries), "spire_trust_domain": "awx.test"}


def agents(*names: str) -> dict[str, Any]:
    """Returns agents that are instances on one machine."""
    listener = {"health_checks": {"listener_enabled": False}}
    return {name: {"spire_agent_instance": name, "spire_agent_config__own": listener} for name in names}


def server() -> dict[str, Any]:
    """Returns the variables of a server on loopback."""
    tree = {"server": {"bind_address": "127.0.0.1", "bind_port": free_port()}, "health_checks": {"bind_port": str(free_port())}}
    return {"spire_server_config": tree}


def project(directory: Path, inventory: dict[str, Any]) -> awx_job.Awx:
    """Makes a project with this inventory, and imports it as AWX does: from the files that git has, without the password of the vault."""
    done = playbook_run.ansible(directory, "spire.fleet.new_project", "-e", "spire_project=fleet", PWD=str(directory))
    assert done.returncode == 0, done.stdout + done.stderr
    own = directory / "fleet" / "inventories" / "production"
    common = inventory["all"].pop("vars")
    (own / "group_vars" / "all" / "main.yml").write_text(yaml.safe_dump(common))
    (own / "hosts.yml").write_text(yaml.safe_dump(inventory))
    files = awx_job.checkout(directory / "fleet", directory / "checkout")
    password = (directory / "fleet" / ".vault_password").read_text().strip()
    return awx_job.Awx(directory / "jobs", files, awx_job.imported(files, "production"), dict(CREDENTIALS), password)
