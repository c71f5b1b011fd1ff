# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Jobs of AWX that need no SPIRE: what preflight says about credentials, volumes and slices, and what slices would change."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.common import volumes
from tests.support import awx_job, awx_project
from tests.support.authorities import make
from tests.support.awx_job import Awx, Job
from tests.unit.builders.trees import NEWEST

pytestmark = pytest.mark.skipif(bool(awx_job.why_missing()), reason=awx_job.why_missing())

AGENTS, SLICES = 50, 5
#: a directory of a file system in memory, which is in no volume of any container
LOST = "/dev/shm/spire-pki-of-a-job"


def fleet(directory: Path, servers: dict[str, Any], agents: dict[str, Any], **common: Any) -> Awx:
    """Returns a project with this fleet, whose programs only say their release."""
    binaries = directory / NEWEST / "bin"
    binaries.mkdir(parents=True)
    for name in ("spire-server", "spire-agent"):
        (binaries / name).write_text(f"#!/bin/sh\necho {NEWEST} >&2\n")
        (binaries / name).chmod(0o755)
    groups = {name: {"hosts": hosts} for name, hosts in (("spire_servers", servers), ("spire_agents", agents)) if hosts}
    return awx_project.project(directory, {"all": {"vars": awx_project.variables(directory, binaries) | common}, **groups})


@pytest.fixture(name="whole", scope="module")
def fixture_whole(tmp_path_factory: pytest.TempPathFactory) -> Awx:
    return fleet(
        tmp_path_factory.mktemp("whole"), {"server1": awx_project.server()}, awx_project.agents(*(f"web{number:02}" for number in range(1, 11))),
        spire_pki="controller", spire_pki_dir=LOST, spire_pki_passphrase="{{ vault_spire_pki_passphrase }}",
    )


def test_a_value_of_the_vault_is_encrypted_in_awx_and_a_credential_decrypts_it(whole: Awx) -> None:
    imported = whole.inventory.exported["all"]["vars"]["vault_spire_pki_passphrase"]
    assert list(imported) == ["__ansible_vault"] and not (whole.project / ".vault_password").exists()
    whole.launch("SPIRE preflight").require()
    password, whole.vault_password = whole.vault_password, ""
    try:
        job = whole.launch("SPIRE preflight")
    finally:
        whole.vault_password = password
    assert job.rc == 2 and "This value, or one that it uses, is encrypted by Ansible Vault, and this run can't decrypt it." in job.text
    assert job.given == {}


def test_preflight_warns_of_a_directory_that_is_gone_after_the_job(whole: Awx) -> None:
    if volumes.current({}) is None:
        assert whole.launch("SPIRE preflight").require().given["spire_preflight"]["warnings"] == 0
    job = whole.launch("SPIRE preflight", container="podman").require()
    assert (
        f"{LOST}: It is in no volume of the container that Ansible runs in, so it is gone when the job has ended. It has the CAs of the fleet, and the "
        "next run would find none and stop. Mount a volume in every job, and set spire_pki_dir to a directory in it."
    ) in job.text
    assert job.given["spire_preflight"]["warnings"] == 1


@pytest.mark.parametrize("number", range(1, SLICES + 1))
def test_a_slice_of_a_fleet_with_servers_is_refused(whole: Awx, number: int) -> None:
    """AWX sorts the hosts, so the server is in the first slice alone. The other slices still have its group."""
    data = whole.inventory.script_data(number, SLICES)
    assert ("server1" in data["_meta"]["hostvars"]) is (number == 1) and "spire_servers" in data["all"]["children"]
    job = whole.launch("SPIRE agents", part=(number, SLICES))
    assert job.rc == 2 and job.given == {}
    assert (
        "This job is a slice of AWX, which has only some hosts of the inventory, and the inventory has spire_servers. Agents and entries need all hosts of "
        "the fleet. Run a job without slices. To divide the agents among several jobs, give each a limit, such as spire_agents[0:99]."
    ) in job.text


@pytest.fixture(name="alone", scope="module")
def fixture_alone(tmp_path_factory: pytest.TempPathFactory) -> Awx:
    """Fifty agents whose servers are not in the inventory, and which attest by certificates of the controller."""
    return fleet(
        tmp_path_factory.mktemp("alone"), {}, awx_project.agents(*(f"web{number:02}" for number in range(1, AGENTS + 1))),
        spire_server_address="spire.acme.com", spire_trust_bundle=make("of servers").pem, spire_pki_passphrase="{{ vault_spire_pki_passphrase }}",
        spire_x509pop="controller", spire_pki_dir=str(tmp_path_factory.mktemp("volume")), spire_trust_domain="prod.acme.com",
    )


def differences(*jobs: Job) -> dict[str, Any]:
    """Returns what the check of each agent shows, without the directory of the job."""
    found: dict[str, Any] = {}
    for job in jobs:
        for event in job.events:
            # A line that no task printed has no data.
            data = event.get("event_data", {})
            if event["event"] == "runner_on_ok" and data["task"] == "Check the agent for drift" and data["res"].get("diff"):
                assert data["host"] not in found
                found[data["host"]] = (data["res"]["differences"], re.sub(r"awx_\d+", "awx", str(data["res"]["diff"])))
    return found


def test_five_slices_of_fifty_agents_would_change_what_one_run_would(alone: Awx) -> None:
    one = alone.launch("SPIRE agents", check=True).require()
    slices = [alone.launch("SPIRE agents", check=True, part=(number, SLICES)).require() for number in range(1, SLICES + 1)]
    assert [job.given["spire_site"]["hosts"] for job in slices] == [AGENTS // SLICES] * SLICES
    assert sorted(host for job in slices for host in job.given["spire_site"]["changed_hosts"]) == sorted(one.given["spire_site"]["changed_hosts"])
    assert one.given["spire_site"]["changed"] == AGENTS and len(differences(one)) == AGENTS
    assert differences(*slices) == differences(one)
    assert not any(os.path.exists(alone.directory.parent / f"web{number:02}") for number in range(1, AGENTS + 1))
