# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Five jobs of AWX with a part of the agents each do together what one job does: with limits, and as slices of an inventory without servers.

All jobs of a test run at once. Afterwards, a job over all hosts finds nothing to change.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.spire.server_cli import SpireServer
from tests.support import awx_job, awx_project, sample, supervised
from tests.support.awx_job import Awx, Job

pytestmark = pytest.mark.skipif(bool(awx_job.why_missing()), reason=awx_job.why_missing())

PARTS = 5
#: how many agents are divided by limits, and how many by slices: fifty real ones, which take long, only where every case is to run
AGENTS = {"web": 5, "edge": 50 if sample.full() else 5}


class Fleet:
    """A server with agents of its own inventory, and agents of another project that know only its address and its bundle."""

    def __init__(self, directory: Path, binaries: Path) -> None:
        self.directory, self.binaries = directory, binaries
        self.names = {project: [f"{project}{number:02}" for number in range(1, count + 1)] for project, count in AGENTS.items()}
        self.server = {**awx_project.server(), "spire_x509pop": "controller"}
        variables = self._variables() | {"spire_entries": [{"spiffe_id": "/job", "parent_id": "/fleet/spire_agents", "selectors": ["unix:uid:0"]}]}
        self.web = self._project("web", variables, {"spire_servers": {"hosts": {"server1": self.server}}})

    def edge(self) -> Awx:
        """Returns the project with agents alone, which attest by certificates of the CA in the controller's volume."""
        variables = self._variables() | {
            "spire_x509pop": "controller", "spire_trust_bundle": self.cli.bundle_show("pem"),
            "spire_agent_config": {"agent": {"server_port": self.server["spire_server_config"]["server"]["bind_port"]}},
        }
        return self._project("edge", variables, {})

    def _variables(self) -> dict[str, Any]:
        return awx_project.variables(self.directory, self.binaries) | {
            "spire_pki_dir": str(self.directory / "volume"), "spire_pki_passphrase": "{{ lookup('ansible.builtin.env', 'SPIRE_PKI_PASSPHRASE') }}",
            "spire_start_timeout": 120,
        }

    def _project(self, name: str, variables: dict[str, Any], groups: dict[str, Any]) -> Awx:
        (self.directory / f"p-{name}").mkdir()
        agents = {"hosts": awx_project.agents(*self.names[name])}
        return awx_project.project(self.directory / f"p-{name}", {"all": {"vars": variables}, **groups, "spire_agents": agents})

    @property
    def cli(self) -> SpireServer:
        return SpireServer(str(self.binaries / "spire-server"), str(self.directory / "server1" / "run" / "server" / "private" / "api.sock"))


@pytest.fixture(name="fleet", scope="module")
def fixture_fleet(spire_server: Path) -> Iterator[Fleet]:
    with supervised.directory() as directory:
        yield Fleet(directory, spire_server.parent)


def at_once(awx: Awx, options: list[dict[str, Any]]) -> list[Job]:
    """Runs SPIRE agents once with each of these options, all at the same time."""
    with ThreadPoolExecutor(len(options)) as pool:
        return [job.require() for job in pool.map(lambda one: awx.launch("SPIRE agents", **one), options)]


def changed(jobs: list[Job]) -> list[str]:
    """Returns the hosts that these jobs have changed, once for each job."""
    return sorted(host for job in jobs for host in job.given["spire_site"]["changed_hosts"])


def test_five_jobs_with_limits_equal_one_run(fleet: Fleet) -> None:
    assert fleet.web.launch("SPIRE site", limit="spire_servers").require().given["spire_site"]["changed_hosts"] == ["server1"]
    size = AGENTS["web"] // PARTS
    jobs = at_once(fleet.web, [{"limit": f"spire_agents[{first}:{first + size - 1}]"} for first in range(0, AGENTS["web"], size)])
    assert [job.given["spire_site"]["changed"] for job in jobs] == [size] * PARTS and changed(jobs) == fleet.names["web"]
    whole = fleet.web.launch("SPIRE site").require()
    assert whole.given["spire_site"] == {
        "hosts": AGENTS["web"] + 1, "changed": 0, "changed_hosts": [], "failed": 0, "failed_hosts": [], "entries": {"created": 0, "updated": 0, "deleted": 0},
    }
    verify = fleet.web.launch("SPIRE verify").require().given["spire_verify"]
    assert (verify["hosts"], verify["problems"]) == (AGENTS["web"] + 1, 0)


def test_five_slices_of_agents_alone_equal_one_run(fleet: Fleet) -> None:
    before, edge = len(fleet.cli.agent_list()), fleet.edge()
    slices = at_once(edge, [{"part": (number, PARTS)} for number in range(1, PARTS + 1)])
    # AWX gives the first slice the first, the sixth host and so on.
    assert changed(slices[:1]) == fleet.names["edge"][::PARTS] and changed(slices) == fleet.names["edge"]
    whole = edge.launch("SPIRE agents").require()
    assert (whole.given["spire_site"]["hosts"], whole.given["spire_site"]["changed"]) == (AGENTS["edge"], 0)
    assert len(fleet.cli.agent_list()) == before + AGENTS["edge"]
