# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks report what expires, renew certificates and report wrong clocks in a fleet on one machine with the collection's root."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import keys as x509_keys
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.request import BACKDATE
from tests.support import site_run, supervised
from tests.support.local_fleet import LocalFleet
from tests.support.playbook_run import python_of_another_time

REPORT = "Report on the fleet"


class Fleet(LocalFleet):
    """A fleet with a root of the collection."""

    def __init__(self, directory: Path, binaries: Path) -> None:
        self.binaries = binaries
        pki = {"spire_pki": "host", "spire_pki_dir": str(directory / "pki"), "spire_pki_passphrase": "correct horse"}
        super().__init__(directory, binaries, **pki)

    @property
    def upstream(self) -> Any:
        """Returns the certificate of the upstream CA, as it is on the server."""
        return x509_keys.load_certificates((self.directory / "r/etc/server/main.upstream.pem").read_bytes(), "it")[0]


@pytest.fixture(scope="module")
def fleet(spire_server: Path) -> Iterator[Fleet]:
    with supervised.directory() as directory:
        made = Fleet(directory, spire_server.parent)
        made.run("site").require()
        yield made


def reported(run: site_run.Run) -> dict[str, Any]:
    return dict(next(run.of("one", REPORT)))


def test_a_converged_server_is_looked_at_once(fleet: Fleet) -> None:
    """A run that has nothing to do checks a server once. The upstream CA needs no task besides the drift check."""
    run = fleet.run("site").require()
    assert run.changed == {}
    assert [task.name for task in run.tasks] == [
        "Check every server and agent against its SPIRE release, and against each other",
        "Check every server for drift", "Read the attested agents from the servers", "Check the agent for drift",
        "Create and update the registration entries", "Give the result to the next node of a workflow",
    ]


def test_what_expires_when(fleet: Fleet) -> None:
    file = fleet.directory / "report.json"
    run = fleet.run("verify", spire_verify_report=str(file)).require()
    report = reported(run)
    kinds = [one["kind"] for one in report["expiry"]]
    assert sorted(kinds) == [
        "agent_svid", "jwt_authority", "root", "root", "trust_bundle", "upstream_ca", "upstream_ca", "workload_svid", "x509_authority",
    ]
    assert {one["verdict"] for one in report["expiry"]} == {"ok"}
    left = [one["seconds_left"] for one in report["expiry"]]
    assert left == sorted(left) and 0 < left[0] <= 3600
    written = json.loads(file.read_text())
    assert (written["failed"], written["fleet"], written["expiry"]) == (False, report["fleet"], report["expiry"])
    (authority,) = [one for one in report["expiry"] if one["kind"] == "x509_authority"]
    assert (authority["place"], authority["renewed_by"], len(authority["name"])) == ("active", "SPIRE", 40)


def test_site_renews_what_is_inside_its_window(fleet: Fleet) -> None:
    """When renewal is due, verify reports it and no problem, and site renews the CA without a restart."""
    first = fleet.upstream
    # With this window, renewal of the first CA is due now, and that of the next one only when it has two thirds of the first one's age.
    age = time.time() - first.not_valid_before_utc.timestamp() - BACKDATE.total_seconds()
    window = {"spire_pki_renew_before": f"{int(8760 * 3600 - age * 2 / 3)}s"}
    due = fleet.run("verify", **window).require()
    assert {one["kind"]: one["verdict"] for one in reported(due)["expiry"]}["upstream_ca"] == "due"
    assert all(not one["problems"] for one in reported(due)["fleet"]) and reported(due)["fleet"][0]["renewals"]
    assert fleet.upstream == first
    pids = fleet.processes
    renewed = fleet.run("site", **window).require()
    assert renewed.changed == {"one": ["Make and sign the server's CA on the controller", "Deliver the certificates, and the key if the controller has it"]}
    assert fleet.upstream.serial_number != first.serial_number and fleet.upstream.public_key() == first.public_key()
    assert fleet.processes == pids


@pytest.mark.parametrize("playbook", ["site", "verify"])
def test_a_clock_that_is_off(fleet: Fleet, tmp_path: Path, playbook: str) -> None:
    run = fleet.run(playbook, ansible_python_interpreter=python_of_another_time(tmp_path, 7500))
    assert run.rc != 0 and run.changed == {}
    assert "its clock is 2 hours ahead of the controller's: it is " in run.failed["one"]
