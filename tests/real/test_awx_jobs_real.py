# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each job template of awx_setup runs to its end through ansible-runner, as AWX runs it, over a real server and two real agents on this machine.

The tests follow each other like the jobs of a fleet's life. The last ones search what all jobs have left for secrets.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.secret_scan import collect, patterns
from tests.secret_scan.search import search
from tests.support import awx_job, awx_project, supervised
from tests.support.awx_job import Awx, COMMAND, Job

pytestmark = pytest.mark.skipif(bool(awx_job.why_missing()), reason=awx_job.why_missing())

HOSTS = ("server1", "web1", "web2")
COUNTS = {"servers": 1, "agents": 2, "warnings": 0}
NOTHING = {"hosts": 3, "changed": 0, "changed_hosts": [], "failed": 0, "failed_hosts": [], "entries": {"created": 0, "updated": 0, "deleted": 0}}
#: a playbook that leaks a secret everywhere where AWX could show it
LEAK = """
- hosts: web1
  gather_facts: false
  tasks:
    - ansible.builtin.debug:
        msg: "{{ lookup('ansible.builtin.env', 'SPIRE_PKI_PASSPHRASE') }}"
    - ansible.builtin.set_fact:
        leaked: "{{ lookup('ansible.builtin.env', 'SPIRE_PKI_PASSPHRASE') }}"
        cacheable: true
"""


class Fleet:
    """The project, its directory, and the jobs that ran."""

    def __init__(self, directory: Path, binaries: Path) -> None:
        self.directory, self.used = directory, set[str]()
        #: tokens are in the datastore only until they are redeemed, so they are collected when a server is there
        self.secrets: list[patterns.Secret] = []
        server = awx_project.server()
        # With short lifetimes, a rotation does not wait long for servers and agents.
        server["spire_server_config"]["server"] |= {"ca_ttl": "10m", "default_x509_svid_ttl": "40s"}
        variables = awx_project.variables(directory, binaries) | {
            "spire_pki": "controller", "spire_pki_dir": str(directory / "volume" / "pki"),
            "spire_pki_passphrase": "{{ lookup('ansible.builtin.env', 'SPIRE_PKI_PASSPHRASE') }}",
            "spire_agent_environment": {"API_PASSWORD": "{{ vault_spire_pki_passphrase }}"}, "spire_rotate_settle": 1, "spire_rotate_timeout": 120,
        }
        self.awx: Awx = awx_project.project(directory, {
            "all": {"vars": variables}, "spire_servers": {"hosts": {"server1": server}}, "spire_agents": {"hosts": awx_project.agents("web1", "web2")},
        })

    def launch(self, name: str, answers: dict[str, str] | None = None, **options: object) -> Job:
        self.used.add(name)
        job = self.awx.launch(name, answers, **options)  # type: ignore[arg-type]
        for path in collect.files(self.directory, ["volume", *HOSTS]):
            self.secrets += patterns.keys_in(path.read_bytes(), path.name, self.awx.credentials.values())
        return job


@pytest.fixture(name="fleet", scope="module")
def fixture_fleet(spire_server: Path) -> Iterator[Fleet]:
    with supervised.directory() as directory:
        yield Fleet(directory, spire_server.parent)


def test_preflight_and_a_check_touch_no_host(fleet: Fleet) -> None:
    preflight = fleet.launch("SPIRE preflight", workflow="SPIRE rollout").require()
    assert preflight.given == {"spire_preflight": COUNTS}
    checked = fleet.launch("SPIRE site", check=True, given=preflight.given).require()
    assert checked.given["spire_site"] == {**NOTHING, "changed": 3, "changed_hosts": list(HOSTS)}
    assert not [host for host in HOSTS if (fleet.directory / host).exists()] and not (fleet.directory / "volume").exists()


def test_site_installs_the_fleet_and_verify_finds_no_problem(fleet: Fleet) -> None:
    site = fleet.launch("SPIRE site", {"spire_agents_serial": "50%"}, workflow="SPIRE rollout", verbosity=4).require()
    assert site.given["spire_site"] == {**NOTHING, "changed": 3, "changed_hosts": list(HOSTS), "entries": {"created": 3, "updated": 0, "deleted": 0}}
    # What a node gives comes back as extra variables in the next one.
    again = fleet.launch("SPIRE site", given=site.given, workflow="SPIRE rollout").require()
    assert again.given == {**site.given, "spire_site": NOTHING} and not any(again.stats["changed"].values())
    verify = fleet.launch("SPIRE verify", given=again.given, workflow="SPIRE rollout").require()
    assert verify.given == {"spire_preflight": COUNTS, "spire_verify": {"hosts": 3, "failed": 0, "failed_hosts": [], "problems": 0, "renewals": 0}}


def test_verify_reports_a_problem_and_a_job_with_a_limit_mends_it(fleet: Fleet) -> None:
    config = fleet.directory / "web2" / "etc" / "agent" / "web2.conf"
    config.write_text(config.read_text(encoding="utf-8") + "# by hand\n", encoding="utf-8")
    verify = fleet.launch("SPIRE verify", verbosity=1)
    assert verify.rc == 2 and "1 of 3 servers and agents are not as they should be." in verify.text
    assert verify.given == {"spire_preflight": COUNTS, "spire_verify": {"hosts": 3, "failed": 1, "failed_hosts": ["web2"], "problems": 1, "renewals": 0}}
    mended = fleet.launch("SPIRE agents", limit="web2", given=verify.given).require()
    assert mended.given["spire_site"] == {**NOTHING, "hosts": 1, "changed": 1, "changed_hosts": ["web2"]}
    assert fleet.launch("SPIRE verify", limit="web2").require().given["spire_verify"]["hosts"] == 1


@pytest.mark.parametrize(
    ("name", "answers", "task"),
    [
        ("SPIRE entries", {}, "Create and update the registration entries"), ("SPIRE upgrade", {"spire_version": ""}, "Check the server for drift"),
        ("SPIRE database", {}, "Make the role, the database and its rights"), ("SPIRE upstream authority", {}, "Check the server's upstream authority"),
    ],
)
def test_templates_that_find_nothing_to_do(fleet: Fleet, name: str, answers: dict[str, str], task: str, spire_server: Path) -> None:
    given = {key: spire_server.parent.parent.name for key in answers}
    job = fleet.launch(name, given).require()
    # A server that matches its plan is checked once, with all others.
    assert task in job.tasks or "Check every server for drift" in job.tasks
    assert not any(job.stats["changed"].values()), job.text


def test_rotations(fleet: Fleet) -> None:
    jwt = fleet.launch("SPIRE rotate authority", {"spire_rotate_authority": "jwt"}).require()
    assert jwt.tasks["Activate the new authority on each server"] == ["server1"]
    root = fleet.launch("SPIRE rotate root", {"spire_rotate": "2027-01"}).require()
    assert "the rotation 2027-01 is over" in root.text
    assert fleet.launch("SPIRE verify").require().given["spire_verify"]["problems"] == 0


def test_decommission_asks_for_a_confirmation(fleet: Fleet) -> None:
    refused = fleet.launch("SPIRE decommission")
    assert refused.rc == 2 and not any(refused.stats["changed"].values())
    assert (
        "This would remove every server and agent of the inventory. Name the hosts with --limit, or confirm that you want this with "
        "-e spire_decommission_confirm=true."
    ) in refused.text
    fleet.launch("SPIRE decommission", {"spire_decommission_purge": "true"}, limit="web2").require()
    assert [(fleet.directory / host / "data" / "agent" / host).exists() for host in HOSTS[1:]] == [True, False]
    fleet.launch("SPIRE decommission", {"spire_decommission_confirm": "true", "spire_decommission_purge": "true"}).require()
    assert not [host for host in HOSTS if list((fleet.directory / host).glob("data/*/*"))]


def places(jobs: list[Job]) -> dict[str, list[Path]]:
    """Returns the files of jobs by kind: what AWX shows or keeps of them, and what else is in their directories."""
    found: dict[str, list[Path]] = {"output": [], "events": [], "fact cache": [], "environment": [], "others": []}
    for job in jobs:
        for path in (path for path in job.private.rglob("*") if path.is_file()):
            inner = path.relative_to(job.artifacts).parts if path.is_relative_to(job.artifacts) else ("", )
            kinds = {"job_events": "events", "fact_cache": "fact cache", "stdout": "output", "stderr": "output", COMMAND: "environment"}
            found[kinds.get(inner[0], "others")].append(path)
    return found


def secrets(fleet: Fleet) -> list[patterns.Secret]:
    """Returns the secrets of the fleet: those of credentials and of the vault, and all keys that were on the controller and on the hosts."""
    encrypted = yaml.load((fleet.awx.project / "inventories/production/group_vars/all/vault.yml").read_text(), Loader=awx_job.VaultLoader)  # noqa: S506
    named = {
        "of a credential": fleet.awx.credentials["SPIRE_PKI_PASSPHRASE"], "password of the vault": fleet.awx.vault_password,
        "in the vault": awx_job.decrypted(encrypted["vault_spire_pki_passphrase"], fleet.awx.vault_password),
    }
    made = [patterns.text("password", name, value) for name, value in named.items()]
    assert all(made)
    return [*filter(None, made), *fleet.secrets]


def test_no_job_leaves_a_secret(fleet: Fleet) -> None:
    assert fleet.used == set(awx_job.templates())
    wanted = secrets(fleet)
    # The keys of the root and of the server's CA, before and after the rotation, those of the server, and those of both agents.
    assert len({secret.identity for secret in wanted if secret.kind == "key"}) >= 8
    found = search(places(fleet.awx.jobs), wanted)
    assert {kind: one.of(False) for kind, one in found.items() if kind != "environment"} == {"output": [], "events": [], "fact cache": [], "others": []}
    assert found["events"].files > 500 and found["output"].size > 100_000
    # ansible-runner writes down the environment that AWX gave the job, and with it the credential.
    assert {hit.partition(" in /")[0] for hit in found["environment"].of(False)} == {"of a credential"}


def test_a_leaked_secret_is_found(fleet: Fleet) -> None:
    (fleet.awx.project / "leak.yml").write_text(LEAK, encoding="utf-8")
    job = fleet.awx.launch("SPIRE verify", playbook="leak.yml").require()
    found = search(places([job]), secrets(fleet))
    leaks = {kind: bool(one.of(False)) for kind, one in found.items()}
    assert leaks == {"output": True, "events": True, "fact cache": True, "environment": True, "others": False}
