# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""If a CA is gone from the controller, a run stops at a host with certificates of it, and makes no other CA."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.host import probe
from ansible_collections.spire.fleet.plugins.plugin_utils import hcl
from ansible_collections.spire.fleet.plugins.plugin_utils.drift import missing_ca
from ansible_collections.spire.fleet.plugins.plugin_utils.drift.probe import request_of
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import aws_record, node_ssh
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.ensure import Run
from tests.support.authorities import NOW, PASSPHRASE, make
from tests.unit.builders.fleets import fleet
from tests.unit.builders.nodes import SPIFFE
from tests.unit.builders.observed import state

PEM, POP, POP_CA = "/etc/spire/server/main.upstream.pem", "/etc/spire/agent/main.x509pop.pem", "/etc/spire/server/main.x509pop-ca.pem"
SSH, SSH_CA = "/etc/spire/agent/main.sshpop-cert.pub", "/etc/spire/server/main.sshpop-ca.pub"
ALL = {"spire_pki": "controller", "spire_x509pop": "controller"}
ROOT, POP_ROOT = "CN=SPIRE root CA,O=prod.acme.com", "CN=SPIRE node CA,O=prod.acme.com"


class Controller:
    """A fleet of one server and one agent, and the directory of its CAs."""

    def __init__(self, directory: Path, **variables: Any) -> None:
        self.directory = directory
        self.common = {"spire_pki_dir": str(directory), "spire_pki_passphrase": PASSPHRASE, **variables}

    def fleet(self, **more: Any) -> Any:
        return fleet({**self.common, **more})

    def plan(self, component: str, **more: Any) -> Plan:
        return plan(component, "s1" if component == "server" else "a1", self.fleet(**more))

    def make(self) -> None:
        """Makes every CA and certificate of the fleet."""
        server = self.plan("server")
        for issued in (server.upstream, self.plan("agent").node):
            if issued:
                issued.ensure("", Run(NOW))
        for authority in server.authorities:
            authority.ensure_issuer(Run(NOW))

    def on_hosts(self, component: str) -> dict[str, Any]:
        """Returns the state of a host's files, by path, as the probe reports it."""
        planned = self.plan(component)
        return {file.path: state(file.mode, file.owner, file.group, file.content) for file in planned.files if not file.secret}

    def mistakes(self, component: str, issued: dict[str, Any], **more: Any) -> list[str]:
        return missing_ca.mistakes(self.plan(component, **more), {"issued": issued, "files": {"configuration": {"exists": False}}})

    def message(self, cause: str, *parts: str) -> str:
        return (
            f"{cause}, and the controller has no such CA: {self.directory.joinpath('prod.acme.com', *parts)} is missing. Nothing that is in "
            f"use would trust another one, so none was made. Bring spire_pki_dir ({self.directory}) back, from its backup or with the volume "
            "that it is kept on. If a new CA is meant, run once with spire_pki_new_root set to true."
        )


def test_nothing_is_asked_for_where_every_ca_is_there(tmp_path: Path) -> None:
    for variables, asked in (({}, []), (ALL, [PEM, POP_CA])):
        controller = Controller(tmp_path, **variables)
        assert request_of(controller.plan("server")).issued == asked
        assert missing_ca.concerns(controller.fleet()) is bool(asked)
        controller.make()
        assert [request_of(controller.plan(component)).issued for component in ("server", "agent")] == [[], []]
        assert missing_ca.concerns(controller.fleet()) is False


@pytest.mark.parametrize("kind", ["x509pop", "sshpop"])
def test_agents_whose_servers_are_elsewhere_are_asked_too(tmp_path: Path, kind: str) -> None:
    """An agent with a missing CA is found although its servers are not in the inventory and another agent has no such CA."""
    common = {"spire_pki_dir": str(tmp_path), "spire_pki_passphrase": PASSPHRASE}
    own = {f"spire_{kind}": "controller", "spire_server_group": "elsewhere"}
    for servers in ((), ("s1",)):
        made = fleet(common, servers, ("a1", "a2"), a2=own)
        assert missing_ca.concerns(made) is True
        assert missing_ca.concerns(fleet(common, servers, ("a1", "a2"), a2={**own, "spire_pki_new_root": True})) is False
        assert missing_ca.concerns(fleet(common, servers, ("a1", "a2"))) is False
    node = plan("agent", "a2", made).node
    assert node
    node.ensure("", Run(NOW))
    assert missing_ca.concerns(fleet(common, (), ("a1", "a2"), a2=own)) is False
    # spire_pki_new_root of one agent has no effect on another agent.
    shutil.rmtree(tmp_path)
    assert missing_ca.concerns(fleet(common, (), ("a1", "a2"), a1={**own, "spire_pki_new_root": True}, a2=own)) is True


def test_few_agents_are_planned_to_know_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No agent is planned whose servers are in the inventory. Of the others, one agent is enough to check a CA that they share."""
    controller = Controller(tmp_path, **ALL)
    controller.make()
    agents = tuple(f"a{number}" for number in range(1, 9))
    planned: list[str] = []
    looked: list[str] = []
    ask = missing_ca.paths

    def noted_plan(component: str, host: str, made: Any) -> Plan:
        planned.append(host)
        return plan(component, host, made)

    def noted_paths(one: Plan) -> list[str]:
        looked.append(one.host)
        return ask(one)

    monkeypatch.setattr(missing_ca, "plan", noted_plan)
    monkeypatch.setattr(missing_ca, "paths", noted_paths)
    assert missing_ca.concerns(fleet(controller.common, agents=agents)) is False
    assert (planned, looked) == (["s1"], ["s1"])
    looked.clear()
    assert missing_ca.concerns(fleet({**controller.common, "spire_server_address": "spire.acme.com"}, (), agents)) is False
    assert looked == ["a1"]


def test_a_first_run_and_a_new_host_have_nothing_to_lose(tmp_path: Path) -> None:
    controller = Controller(tmp_path, **ALL)
    for component in ("server", "agent"):
        assert controller.mistakes(component, {}) == []
        assert controller.mistakes(component, {path: {"exists": False} for path in (PEM, POP, POP_CA)}) == []


@pytest.mark.parametrize("way", ["controller", "host"])
def test_a_directory_that_is_gone(tmp_path: Path, way: str) -> None:
    controller = Controller(tmp_path, **ALL)
    controller.make()
    server, agent = controller.on_hosts("server"), controller.on_hosts("agent")
    assert {PEM, POP_CA} <= set(server) and POP in agent
    shutil.rmtree(tmp_path)
    ways = {name: way for name in ALL}
    assert controller.mistakes("server", server, **ways) == [
        controller.message(f"{PEM} was issued by {ROOT}", "root.pem"),
        controller.message(f"{POP_CA} is the CA {POP_ROOT}", "x509pop", "root.pem"),
    ]
    assert controller.mistakes("agent", agent, **ways) == [controller.message(f"{POP} was issued by {POP_ROOT}", "x509pop", "root.pem")]
    for component, observed in (("server", server), ("agent", agent)):
        assert controller.mistakes(component, observed, spire_pki_new_root=True) == []
        assert request_of(controller.plan(component, spire_pki_new_root=True)).issued == []
    assert not tmp_path.exists()


def test_an_ssh_ca_that_is_gone(tmp_path: Path) -> None:
    controller = Controller(tmp_path, spire_sshpop="controller")
    controller.make()
    server, agent = controller.on_hosts("server"), controller.on_hosts("agent")
    authority = controller.plan("server").authorities[0]
    name = node_ssh.fingerprint(getattr(authority, "authority"))
    shutil.rmtree(tmp_path)
    assert controller.mistakes("server", server) == [controller.message(f"{SSH_CA} is the CA {name}", "sshpop", "ca.pub")]
    assert controller.mistakes("agent", agent) == [controller.message(f"{SSH} was issued by {name}", "sshpop", "ca.pub")]


@pytest.mark.parametrize(("kind", "path", "parts"), [("x509pop", POP, ("x509pop", "root.pem")), ("sshpop", SSH, ("sshpop", "ca.pub"))])
def test_a_file_that_tells_nothing(tmp_path: Path, kind: str, path: str, parts: tuple[str, ...]) -> None:
    controller = Controller(tmp_path, **{f"spire_{kind}": "host"})
    observed = {path: state("0644", "root", "root", "")}
    assert controller.mistakes("agent", observed) == [controller.message(f"{path} is there, and can't be read", *parts)]


def test_from_one_ca_of_the_controller_to_another_one(tmp_path: Path) -> None:
    """A certificate of another CA on the controller stops no run: with the mode spiffe, spire_pki's root signs nodes' certificates, else their own CA."""
    controller = Controller(tmp_path, **ALL, spire_server_config=SPIFFE)
    controller.make()
    agent = controller.on_hosts("agent")
    assert missing_ca.paths(controller.plan("agent", spire_server_config={})) == [POP]
    assert controller.mistakes("agent", agent, spire_server_config={}) == []
    foreign = {POP: state("0644", "root", "root", make("x").pem)}
    assert len(controller.mistakes("agent", foreign, spire_server_config={})) == 1


def test_a_ca_that_is_given_or_damaged_is_not_ours_to_make(tmp_path: Path) -> None:
    files = {name: str(tmp_path / name) for name in ("certificate", "key", "bundle")}
    assert missing_ca.paths(Controller(tmp_path, spire_pki="host", spire_pki_issuer=files).plan("server")) == []
    controller = Controller(tmp_path, **ALL)
    controller.make()
    (tmp_path / "prod.acme.com" / "root.pem").write_text("damaged")
    assert missing_ca.paths(controller.plan("server")) == []
    ssh = Controller(tmp_path, spire_sshpop="controller")
    ssh.make()
    (tmp_path / "prod.acme.com" / "sshpop" / "ca.pub").write_text("damaged")
    assert missing_ca.paths(ssh.plan("server")) == []


ARN = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:"
OURS = f"{ARN}spire/prod.acme.com/s1/certificate-AbCdEf"
CA = "arn:aws:acm-pca:eu-west-1:111122223333:certificate-authority/abc"
SECRET = f"the configuration of the server names {OURS}, which a root of ours has issued"
#: cases: the plugin, its option and value in the host's configuration, the value of spire_pki, and the message
KEPT: dict[str, tuple[str, str, str, str, str]] = {
    "secrets": ("awssecret", "cert_file_arn", OURS, "awssecret", SECRET),
    "secrets before": ("awssecret", "cert_file_arn", OURS, "host", SECRET),
    "secrets of others": ("awssecret", "cert_file_arn", f"{ARN}acme/ca-AbCdEf", "awssecret", ""),
    "secrets not made": ("awssecret", "cert_file_arn", "spire/prod.acme.com/s1/certificate", "awssecret", ""),
    "private CA": (
        "aws_pca", "certificate_authority_arn", CA, "aws_pca", f"the configuration of the server names {CA}, which stands below a root"),
    "private CA not made": ("aws_pca", "certificate_authority_arn", CA.replace("abc", aws_record.NOT_MADE), "aws_pca", ""),
    "private CA before": ("aws_pca", "certificate_authority_arn", CA, "host", ""),
}


@pytest.mark.parametrize("name", KEPT)
def test_what_aws_keeps_is_known_by_the_configuration(tmp_path: Path, name: str) -> None:
    plugin, option, value, way, cause = KEPT[name]
    controller = Controller(tmp_path, spire_pki=way)
    if way != "host":
        controller.common["spire_server_config"] = {"plugins": {"UpstreamAuthority": {way: {"plugin_data": {"region": "eu-west-1"}}}}}
    text = hcl.dumps({"plugins": {"UpstreamAuthority": {plugin: {"plugin_data": {option: value}}}}})
    observed = {"issued": {PEM: {"exists": False}}, "files": {"configuration": state("0640", "root", "x", text)}}
    assert missing_ca.mistakes(controller.plan("server"), observed) == ([controller.message(cause, "root.pem")] if cause else [])
    assert missing_ca.mistakes(controller.plan("server", spire_pki_new_root=True), observed) == []
    broken = {**observed, "files": {"configuration": state("0640", "root", "x", "{{")}}
    assert missing_ca.mistakes(controller.plan("server"), broken) == []


def test_what_aws_keeps_is_known_by_the_note(tmp_path: Path) -> None:
    tree = {"plugins": {"UpstreamAuthority": {"awssecret": {"plugin_data": {"region": "eu-west-1"}}}}}
    controller = Controller(tmp_path, spire_pki="awssecret", spire_server_config=tree)
    note = tmp_path / "prod.acme.com" / "servers" / "s1" / "aws_secrets.json"
    aws_record.write(str(note), "eu-west-1", {"certificate": {"arn": OURS}})
    assert controller.mistakes("server", {}) == [controller.message(f"{note} notes what AWS keeps below a root of ours", "root.pem")]


def test_the_drift_check_reads_what_it_is_asked_for(tmp_path: Path) -> None:
    there = tmp_path / "main.upstream.pem"
    there.write_text("public")
    spec = {**request_of(Controller(tmp_path / "pki").plan("server")).as_argument(), "issued": [str(there), str(tmp_path / "none.pem")]}
    spec["service"] = {**spec["service"], "manager": "supervisor", "control": [str(tmp_path / "ctl")]}
    found = probe.observe(spec, {})["issued"]
    assert (found[str(there)]["content"], found[str(tmp_path / "none.pem")]) == ("cHVibGlj", {"exists": False})
