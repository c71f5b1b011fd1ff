# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Preflight refuses slices of a fleet with servers, and warns of directories that end with the container."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.common import problems
from ansible_collections.spire.fleet.plugins.plugin_utils.common.volumes import Container, Mount
from ansible_collections.spire.fleet.plugins.plugin_utils.rules import run as rules_run
from tests.unit.builders.fleets import ALONE, fleet

CONTAINER = Container((Mount("/", "/", "overlay"), Mount("/srv/spire-fleet", "/runner/spire-fleet", "ext4")), "/runner")
CAS = {"spire_pki": "controller", "spire_pki_passphrase": "7c-planted-2f"}


def warned(common: dict[str, Any], **hosts: Any) -> list[tuple[str, str, tuple[str, ...]]]:
    made = fleet(common, **hosts)
    made.container = CONTAINER
    found = [one for one in rules_run.of_fleet(made) if one.rule == "controller_volume"]
    assert {one.severity for one in found} <= {"warning"}
    return [(one.path, one.message, one.hosts) for one in found]


def test_a_directory_in_no_volume() -> None:
    assert warned({**CAS, "spire_pki_dir": "/runner/project/pki", "spire_verify_report": "/runner/report.json"}) == [
        (
            "spire_pki_dir", "/runner/project/pki: It is in no volume of the container that Ansible runs in, so it is gone when the job has ended. It has "
            "the CAs of the fleet, and the next run would find none and stop. Mount a volume in every job, and set spire_pki_dir to a directory in it.",
            ("s1",),
        ),
        (
            "spire_verify_report", "/runner/report.json: It is in no volume of the container that Ansible runs in, so it is gone when the job has ended. "
            "Mount a volume, and set spire_verify_report to a file in it.", ("s1", "a1"),
        ),
    ]


@pytest.mark.parametrize(
    "common",
    [
        {**CAS, "spire_pki_dir": "/runner/spire-fleet/pki"}, {"spire_pki_dir": "/runner/project/pki"},
        {**CAS, "spire_pki_dir": "/runner/project/pki", "spire_allow": ["controller_volume"]},
    ],
    ids=["in a volume", "nothing is kept", "allowed"],
)
def test_nothing_is_lost(common: dict[str, Any]) -> None:
    assert warned(common) == []


def test_outside_of_a_container_nobody_asks() -> None:
    assert "controller_volume" not in {one.rule for one in rules_run.of_fleet(fleet({**CAS, "spire_pki_dir": "/runner/project/pki"}))}


def sliced(*servers: str, groups: dict[str, list[str]], **common: Any) -> list[str]:
    made = fleet(common, servers)
    made.groups = {"spire_agents": ["a1"], **groups}
    made.job_slice = True
    return [one.message for one in problems.errors(rules_run.of_fleet(made)) if one.rule == "job_slice"]


def test_a_slice_of_a_fleet_with_servers() -> None:
    refused = (
        "This job is a slice of AWX, which has only some hosts of the inventory, and the inventory has {}. Agents and entries need all hosts of the "
        "fleet. Run a job without slices. To divide the agents among several jobs, give each a limit, such as spire_agents[0:99]."
    )
    assert sliced("s1", groups={"spire_servers": ["s1"]}) == [refused.format("spire_servers")]
    # In the other slices, the group is there and has no hosts. The agents' own address changes nothing.
    assert sliced(groups={"spire_servers": []}, **ALONE) == [refused.format("spire_servers")]
    assert sliced(groups={"spire_servers": [], "eu": []}, spire_server_group="eu", **ALONE) == [refused.format("spire_servers and eu")]


def test_a_slice_of_agents_alone() -> None:
    assert sliced(groups={}, **ALONE) == []
