# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible makes and renews an upstream CA in moto's simulation of AWS, at -vvv with --diff, and no output has a key."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.moto_server import Moto, REGION, running
from tests.support.playbook_run import ANSIBLE, Run, inventory, play, show
from tests.unit.builders.trees import NEWEST

PASSPHRASE = "planted-passphrase-2b7f"
NAME = "spire/prod.acme.com/a1"


@pytest.fixture(name="moto", scope="module")
def fixture_moto() -> Iterator[Moto]:
    with running() as found, pytest.MonkeyPatch.context() as environment:
        for name, value in found.environment.items():
            environment.setenv(name, value)
        yield found


def listed(directory: Path, **common: Any) -> dict[str, Any]:
    """Returns an inventory with the server a1 on this machine."""
    found = inventory({
        "spire_pki_dir": str(directory / "pki"), "spire_pki_passphrase": PASSPHRASE, "spire_install_source": "preinstalled", "spire_bin_dir": "/nowhere",
        "spire_root_dir": str(directory / "q"), "spire_service_manager": "supervisor", "spire_supervisor_bin": "/nowhere", **common,
    })
    found["spire_servers"]["hosts"] = {"a1": {}}
    found["spire_agents"]["hosts"] = {}
    return found


def tree(plugin: str, **options: Any) -> dict[str, Any]:
    return {"plugins": {"UpstreamAuthority": {plugin: {"plugin_data": {"region": REGION, **options}}}}}


CONFIGURATION = "(lookup('spire.fleet.rendered_file', 'server', 'configuration') | spire.fleet.from_hcl).plugins.UpstreamAuthority"


@pytest.fixture(name="run", scope="module")
def fixture_run(moto: Moto, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    directory = tmp_path_factory.mktemp("s")
    (directory / "bin").mkdir()
    binary = directory / "bin" / "spire-server"
    binary.write_text(f"#!/bin/sh\necho {NEWEST} >&2\n")
    binary.chmod(0o755)
    keep = {"spire.fleet.upstream_ca": {}}
    look = {"spire.fleet.component_drift": {"component": "server"}}
    return play(directory, listed(directory, spire_pki="awssecret", spire_server_config=tree("awssecret"), spire_bin_dir=str(directory / "bin")), {
        "preflight": {"spire.fleet.preflight": None}, "look_before": look, "check": {**keep, "check_mode": True}, "run": keep, "again": keep,
        "check_again": {**keep, "check_mode": True}, "look_after": look, "options": show(CONFIGURATION),
        "asked": {"spire.fleet.upstream_authority_info": {}},
        "policy": show("lookup('spire.fleet.rendered_file', 'server', 'configuration') | spire.fleet.from_hcl | spire.fleet.aws_policy"),
    }, "--diff"), directory


def test_check_run_and_again(run: tuple[Run, Path], moto: Moto) -> None:
    results = run[0].results
    assert [results[name]["changed"] for name in ("check", "run", "again", "check_again")] == [True, True, False, False]
    assert results["check"]["differences"] == results["run"]["differences"]
    assert results["run"]["differences"][-1] == f"the secret {NAME}/bundle is not recorded on the controller"
    assert "diff" not in results["again"] and len(results["run"]["diff"]) == 2
    secrets = moto.client("secretsmanager")
    arns = {what: secrets.describe_secret(SecretId=f"{NAME}/{what}")["ARN"] for what in ("certificate", "key", "bundle")}
    assert results["options"]["msg"] == {"awssecret": {"plugin_data": {
        "region": REGION, "cert_file_arn": arns["certificate"], "key_file_arn": arns["key"], "bundle_file_arn": arns["bundle"],
    }}}
    (statement,) = results["policy"]["msg"]["Statement"]
    assert statement["Action"] == ["secretsmanager:GetSecretValue"] and statement["Resource"] == sorted(arns.values())


def test_aws_is_asked_whether_it_can_sign(run: tuple[Run, Path]) -> None:
    asked = run[0].results["asked"]
    assert asked["authority"] == "awssecret" and not asked["changed"]
    assert asked["facts"]["subject"] == "CN=SPIRE upstream CA,OU=a1,O=prod.acme.com"


def test_the_playbook_tells_what_is_wrong(moto: Moto, tmp_path: Path) -> None:
    other = "arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/x"
    found = listed(tmp_path, spire_server_config=tree("aws_pca", certificate_authority_arn=other, ca_signing_template_arn="arn:aws:x"))
    (tmp_path / "inventory.yml").write_text(yaml.safe_dump(found))
    command = [str(ANSIBLE), "-i", "inventory.yml", "spire.fleet.upstream_check"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode != 0
    assert f"a1: certificate_authority_arn is in eu-west-1, and region is {REGION}. Make them the same." in done.stdout + done.stderr


def test_the_drift_check_reports_differences_in_aws(run: tuple[Run, Path]) -> None:
    before, after = run[0].results["look_before"], run[0].results["look_after"]
    prefix = "the upstream CA in AWS: "
    assert [one for one in before["differences"] if one.startswith(prefix)] == [
        f"{prefix}the secret {NAME}/{what} is not recorded on the controller" for what in ("certificate", "key", "bundle")
    ]
    assert before["actions"]["aws_ca_sync"] is True and after["actions"]["aws_ca_sync"] is False
    assert [one for one in after["differences"] if "upstream" in one] == []


def test_no_key_is_outside_of_its_file(run: tuple[Run, Path], moto: Moto) -> None:
    found, directory = run
    key = moto.client("secretsmanager").get_secret_value(SecretId=f"{NAME}/key")["SecretString"]
    lines = [line for line in key.splitlines() if "-----" not in line][:2] + [PASSPHRASE]
    note = (directory / "pki" / "prod.acme.com" / "servers" / "a1" / "aws_secrets.json").read_text()
    places = {"printed": found.text, "returned": json.dumps(found.results), "noted": note}
    assert len(lines) == 3 and all(len(text) > 500 for text in places.values())
    assert [(line, name) for line in lines for name, text in places.items() if line in text] == []
    places["planted"] = f"... {lines[0]} ..."
    assert [name for name, text in places.items() if lines[0] in text] == ["planted"]


def test_missing_aws_credentials_are_reported(moto: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    found = play(tmp_path, listed(tmp_path, spire_pki="awssecret", spire_server_config=tree("awssecret")), {
        "run": {"spire.fleet.upstream_ca": {}},
    })
    assert found.results["run"]["msg"].startswith("a1: The controller has no AWS credentials that can be used. boto3 looks for them")
    assert "Traceback" not in found.text
