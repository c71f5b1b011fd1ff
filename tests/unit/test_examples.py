# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every example is an inventory that works: it passes preflight, and it says what its comments say."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils import entries, hcl, problems, public, rules
from ansible_collections.spire.fleet.plugins.plugin_utils.plan import Plan, plan

from tests.support import examples

README = examples.EXAMPLES.parent / "README.md"


def agent(name: str, host: str) -> Plan:
    return plan("agent", host, examples.fleet(name))


def server(name: str, host: str) -> Plan:
    return plan("server", host, examples.fleet(name))


def test_there_are_examples() -> None:
    assert len(examples.names()) >= 8
    on_disk = {path.name for path in examples.EXAMPLES.iterdir() if path.is_dir()}
    assert on_disk == set(examples.names())


@pytest.mark.parametrize("name", examples.names())
def test_passes_preflight(name: str) -> None:
    assert problems.render(rules.of_fleet(examples.fleet(name))) == ""


def test_preflight_of_examples_can_fail() -> None:
    broken = examples.fleet("minimal", spire_trust_domain="Prod.acme.com")
    assert "Prod.acme.com" in problems.render(rules.of_fleet(broken))


@pytest.mark.parametrize("name", examples.names())
def test_renders(name: str) -> None:
    for planned in examples.plans(examples.fleet(name)):
        (text,) = [file.content for file in planned.files if file.name == "configuration"]
        assert hcl.loads(text) == planned.tree


def test_ansible_playbook_agrees(tmp_path: Path) -> None:
    """One of them through Ansible itself, by FQCN and from elsewhere, with the tag that touches no host."""
    program = shutil.which("ansible-playbook", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    assert program, "ansible-core has no ansible-playbook here"
    survey = examples.EXAMPLES / "awx" / "survey.yml"
    inventory = survey.with_name("inventory.yml")
    command = [program, "spire.fleet.site", "-i", str(inventory), "-e", f"@{survey}", "--tags", "preflight"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Check every server and agent" in done.stdout
    assert "Look at" not in done.stdout


def test_readme_inventory_is_the_minimal_example() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    written = (examples.EXAMPLES / "minimal" / "inventory.yml").read_text(encoding="utf-8")
    assert block.splitlines() == [line for line in written.splitlines() if not line.startswith(("---", "#"))]


def test_ha_agents_use_the_shared_name_and_certificates() -> None:
    planned = agent("ha_postgres", "web3.prod.acme.com")
    assert planned.main["server_address"] == "spire.prod.acme.com"
    assert list(planned.plugins("NodeAttestor")) == ["x509pop"]
    assert list(server("ha_postgres", "spire2.prod.acme.com").plugins("NodeAttestor")) == ["x509pop"]


def test_ha_layers_add_up() -> None:
    main = server("ha_postgres", "spire1.prod.acme.com").main
    assert (main["ca_ttl"], main["ca_subject"]["organization"]) == ("72h", ["Acme"])


def test_agents_only_have_a_bundle_and_their_attestors() -> None:
    planned = agent("agents_only", "web1.prod.acme.com")
    assert planned.main["server_port"] == 443
    assert public.bundle_for(planned, None).startswith("-----BEGIN CERTIFICATE-----")
    assert not planned.attests_by_token
    assert agent("agents_only", "legacy.prod.acme.com").attests_by_token


def test_each_trust_domain_has_its_servers() -> None:
    east, west = agent("two_trust_domains", "app1.east.acme.com"), agent("two_trust_domains", "app2.west.acme.com")
    assert (east.trust_domain, east.main["server_address"], east.main["server_port"]) == (
        "east.acme.com", "spire1.east.acme.com", 8081,
    )
    assert (west.trust_domain, west.main["server_address"], west.main["server_port"]) == (
        "west.acme.com", "spire1.west.acme.com", 9090,
    )
    wanted = [entry["spiffe_id"] for entry in entries.of_inventory(server("two_trust_domains", "spire1.west.acme.com"))]
    assert wanted == ["spiffe://west.acme.com/billing", "spiffe://west.acme.com/fleet-canary"]


def test_mirror_names_url_and_checksum() -> None:
    found = public.archive(agent("archive_mirror", "edge1.prod.acme.com"), "aarch64")
    assert found["url"] == "https://mirror.acme.com/spire/1.15.3/spire-1.15.3-linux-arm64-musl.tar.gz"
    assert found["checksum"] == "sha256:" + "1" * 64


def test_groups_add_layers() -> None:
    both, debug = agent("groups_layers", "docker2.prod.acme.com"), agent("groups_layers", "debug1.prod.acme.com")
    assert sorted(both.plugins("WorkloadAttestor")) == ["docker", "unix"]
    assert both.tree["telemetry"]["Prometheus"]["port"] == 9988
    assert both.user == "root"
    assert debug.user == "spire-agent"
    assert (debug.main["log_level"], debug.tree["telemetry"]) == ("DEBUG", {})
    assert agent("groups_layers", "plain1.prod.acme.com").main["log_level"] == "WARN"


def test_telemetry_has_several_of_one_kind() -> None:
    text = server("telemetry_logging", "spire1.prod.acme.com").render()
    assert [sink["address"] for sink in hcl.loads(text)["telemetry"]["Statsd"]] == ["localhost:1337", "statsd.prod.acme.com:8125"]
    assert hcl.loads(text)["telemetry"]["DogStatsd"] == [{"address": "localhost:8125"}]


def test_survey_answers_arrive_in_their_types() -> None:
    planned = server("awx", "spire1.prod.acme.com")
    assert (planned.port, planned.values["spire_start_timeout"], planned.values["spire_canary"]) == (9090, 90, True)
    assert agent("awx", "web2.prod.acme.com").main["server_port"] == 9090
