# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates of nodes: in trees, in the drift check, and on the controller."""

from __future__ import annotations

import datetime
import itertools
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.spire.fleet.plugins.module_utils.host.observe import identity
from ansible_collections.spire.fleet.plugins.plugin_utils.common import problems
from ansible_collections.spire.fleet.plugins.plugin_utils.drift.compare import compare
from ansible_collections.spire.fleet.plugins.plugin_utils.drift.comparison import Comparison
from ansible_collections.spire.fleet.plugins.plugin_utils.drift.probe import planned_digests, request_of
from ansible_collections.spire.fleet.plugins.plugin_utils.plan import task_view
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.report import expiry_sources
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import keys as x509_keys
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.ensure import Run
from tests.support.authorities import DAY, NOW, PASSPHRASE
from tests.unit.builders.fleets import fleet, mistakes
from tests.unit.builders.nodes import FILES, KINDS, Nodes, SPIFFE, csr
from tests.unit.builders.observed import SERVER, converged


def look_at(made: Plan, now: datetime.datetime = NOW, **observed: Any) -> Comparison:
    server = SERVER if made.component == "agent" else None
    return compare(made, {**converged(made), **observed}, server, now)


def test_it_is_off_unless_asked_for() -> None:
    for component in ("agent", "server"):
        made = plan(component, "a1" if component == "agent" else "s1", fleet())
        assert (made.node, made.authorities, made.host_certificate) == (None, [], None)
        assert "join_token" in made.plugins("NodeAttestor") and task_view.of_plan(made)["host_certificate"] == {}
        # Files that an earlier run made with the variable turned on are removed.
        ours = {path for files in FILES.values() for path in files if f"/{component}/" in path}
        assert ours <= set(request_of(made).obsolete_files) and ours <= set(task_view.of_plan(made)["removable"])


@pytest.mark.parametrize("way", ["host", "controller"])
@pytest.mark.parametrize("kind", KINDS)
def test_servers_and_agents_get_the_options_of_the_node_ca(tmp_path: Path, kind: str, way: str) -> None:
    nodes, (key, certificate, authorities) = Nodes(tmp_path, kind, way), FILES[kind]
    agent, server = nodes.plan("agent"), nodes.plan("server")
    own = {"x509pop": ("private_key_path", "certificate_path", "ca_bundle_path", "/x509pop/{{ .Subject.CommonName }}"),
           "sshpop": ("host_key_path", "host_cert_path", "cert_authorities_path", "/sshpop/{{ .Hostname }}")}[kind]
    assert agent.plugins("NodeAttestor") == {kind: {"plugin_data": {own[0]: key, own[1]: certificate}}}
    assert server.plugins("NodeAttestor")[kind] == {"plugin_data": {own[2]: authorities, "agent_path_template": own[3]}}
    assert "join_token" in server.plugins("NodeAttestor")
    assert agent.merged.origin(f"plugins.NodeAttestor.{kind}") == server.merged.origin(f"plugins.NodeAttestor.{kind}") == f"spire_{kind}"
    # the key is the agent's own, so the agent need not run as root for sshpop
    assert (agent.user, agent.attests_by_token, agent.attests_once) == ("spire-agent", False, False)
    assert mistakes(fleet(nodes.common)) == ""
    view = task_view.of_plan(agent)["host_certificate"]
    assert (view["key_on_host"], view["key_type"], view["key"]["path"], view["key"]["mode"], view["key"]["owner"]) == (
        way == "host", "ec-p256", key, "0600", "spire-agent"
    )
    assert [(one["path"], one["mode"], one["owner"]) for one in view["certificates"]] == [(certificate, "0644", "root")]
    for made in (server, agent):
        # The certificates and the key of the host itself are delivered apart from these.
        assert {one.name for one in made.files} - set(made.host_certificate_files) <= set(task_view.of_plan(made)["written"])


@pytest.mark.parametrize("version", ["0.9.4", "1.0.0", "1.15.3"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_release_accepts_it(tmp_path: Path, kind: str, version: str) -> None:
    nodes = Nodes(tmp_path, kind, spire_version=version)
    assert [problems.render(nodes.plan(component).problems) for component in ("agent", "server")] == ["", ""]


def test_a_tree_that_names_another_attestor_keeps_it(tmp_path: Path) -> None:
    nodes = Nodes(tmp_path)
    agent = nodes.plan("agent", spire_agent_config={"plugins": {"NodeAttestor": {"join_token": {"plugin_data": {}}}}})
    assert agent.node is None and list(agent.plugins("NodeAttestor")) == ["join_token"]
    assert nodes.preflight(spire_agent_config={"plugins": {"NodeAttestor": {"join_token": {"plugin_data": {}}}}}) == ""
    own = {"certificate_path": "/srv/c", "private_key_path": "/srv/k"}
    agent = nodes.plan("agent", spire_agent_config={"plugins": {"NodeAttestor": {"x509pop": {"plugin_data": own}}}})
    assert agent.node is None and agent.plugin_data("NodeAttestor", "x509pop") == own


def test_a_server_may_trust_other_cas_besides(tmp_path: Path) -> None:
    ours = FILES["x509pop"][2]
    both = {"plugins": {"NodeAttestor": {"x509pop": {"plugin_data": {"ca_bundle_paths": [ours, "/srv/corporate.pem"]}}}}}
    nodes = Nodes(tmp_path, spire_server_config=both)
    server = nodes.plan("server")
    assert "ca_bundle_path" not in server.plugin_data("NodeAttestor", "x509pop") and [one.name for one in server.authorities] == ["x509pop"]
    assert mistakes(fleet(nodes.common)) == ""


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_run_and_a_converged_one(tmp_path: Path, kind: str) -> None:
    nodes, (_key, certificate, authorities) = Nodes(tmp_path, kind), FILES[kind]
    server = nodes.plan("server")
    found = look_at(server)
    # a server reads the CAs only when it starts
    assert (found.authorities, found.restart, found.files) == (True, True, [f"{kind}_authorities"])
    assert found.differences == [f"file {authorities}"]
    found = look_at(nodes.plan("agent"), keys={f"{kind}_key": {"exists": False, "belongs": False}})
    # a change of a file that is read only at the start needs a restart
    assert found.node and found.restart == (kind == "sshpop")
    for authority in server.authorities:
        authority.ensure_issuer(Run(NOW))
    nodes.made()
    server, agent = nodes.plan("server"), nodes.plan("agent")
    assert look_at(server).differences == look_at(agent).differences == []
    # a file that is read only at the start is stamped, and a change of it restarts the service
    assert authorities in planned_digests(server)
    assert (certificate in planned_digests(agent)) == (kind == "sshpop")
    assert f"sha256sum {agent.paths.config} {agent.paths.unit}" in next(one.content for one in agent.files if one.name == "service")
    assert look_at(server, started_with_old_files=[authorities]).restart


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_drift_check_sees_of_drift(tmp_path: Path, kind: str) -> None:
    nodes, (key, certificate, _authorities) = Nodes(tmp_path, kind), FILES[kind]
    nodes.made()
    agent = nodes.plan("agent")
    title = agent.node.title if agent.node else ""
    found = look_at(agent, now=NOW + 320 * DAY, identity={"chain": [], "key": True})
    reason = f"{title}: it expires at 2031-01-02 00:00:00 UTC, and its renewal is due 60 days before that"
    assert found.differences[0] == reason and found.node
    observed = converged(agent)
    observed["keys"][f"{kind}_key"]["mode"] = "0644"
    assert look_at(agent, keys=observed["keys"]).differences == [f"key {key}"]
    observed["files"][f"{kind}_certificate"]["content"] = ""
    found = compare(agent, observed, SERVER, NOW)
    assert found.differences == [f"file {certificate}", f"key {key}"] and found.node and found.files == []
    other = Nodes(tmp_path, kind, **{f"spire_{kind}_key_type": "ec-p384"}).plan("agent")
    assert look_at(other).differences == [f"{title}: its key is ec-p256, and should be ec-p384"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_report_has_what_expires(tmp_path: Path, kind: str) -> None:
    """The report has what was read in the files. A run renews the node's certificate, and nothing renews the CA."""
    nodes, (_key, certificate, authorities) = Nodes(tmp_path, kind), FILES[kind]
    for component, path, kinds in (("agent", certificate, "node_certificate"), ("server", authorities, "node_ca")):
        made = nodes.plan(component)
        facts = {"option": "o", "path": path, "name": "n", "starts": NOW.isoformat(), "expires": (NOW + 30 * DAY).isoformat(), "root": False}
        (found,) = expiry_sources.of_host(made, {"certificates": [facts]})
        assert (found.kind, found.renewed_by) == (kinds, "spire.fleet.site" if component == "agent" else "you")
        assert found.verdict(NOW) == ("due" if component == "agent" else "ok")


@pytest.mark.parametrize("kind", KINDS)
def test_the_drift_check_knows_the_key(tmp_path: Path, kind: str) -> None:
    nodes = Nodes(tmp_path, kind)
    nodes.made()
    node = nodes.plan("agent").node
    assert node is not None
    file = tmp_path / "key"
    file.write_text(node.key_text())
    assert identity.private_key(str(file), node.public_key_hex)["belongs"]
    file.write_bytes(x509_keys.dump(x509_keys.generate("ec-p256")))
    assert not identity.private_key(str(file), node.public_key_hex)["belongs"]


@pytest.mark.parametrize(("kind", "way"), list(itertools.product(KINDS, ["controller", "host"])))
def test_what_is_made_on_the_controller(tmp_path: Path, kind: str, way: str) -> None:
    nodes = Nodes(tmp_path, kind, way)
    checked = nodes.made(check=True)
    assert list(tmp_path.iterdir()) == [] and checked.changed
    first = nodes.made()
    assert first.changed and first.differences[-1] == "there is no certificate"
    files = {str(path.relative_to(tmp_path / "prod.acme.com" / kind)) for path in tmp_path.rglob("*") if path.is_file()}
    ca = {"x509pop": {"root.key", "root.pem"}, "sshpop": {"ca.key", "ca.pub"}}[kind]
    ending = {"x509pop": ".pem", "sshpop": "-cert.pub"}[kind]
    assert files == {".lock", *ca, f"agents/a1/node{ending}", *(["agents/a1/node.key"] if way == "controller" else [])}
    again = nodes.made()
    assert (again.changed, again.differences) == (False, [])
    if way == "host":
        assert "it is for another key" in nodes.made(request=csr(ec.generate_private_key(ec.SECP256R1()))).differences
    for path in tmp_path.rglob("*.key"):
        assert "ENCRYPTED" in path.read_text() and path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("kind", KINDS)
def test_insecure_key_permissions_are_found_and_repaired(tmp_path: Path, kind: str) -> None:
    nodes = Nodes(tmp_path, kind)
    nodes.made()
    node = nodes.plan("agent").node
    assert node is not None and node.differences(NOW) == []
    before, issuer = node.key_text(), Path(node.issuer_key_files.key)
    own, public_key = Path(node.key_files.key), x509_keys.load(issuer.read_bytes(), PASSPHRASE, "").public_key()
    own.write_text(before)
    issuer.write_bytes(x509_keys.dump(x509_keys.load(issuer.read_bytes(), PASSPHRASE, "")))
    issuer.chmod(0o644)
    title = {"x509pop": "root", "sshpop": "the SSH CA"}[kind]
    why = [f"{title}: {issuer} has the mode 0644, and should have 0600", f"{title}: {issuer} is not encrypted", f"{own} is not encrypted"]
    assert node.differences(NOW) == why
    assert nodes.made(check=True).differences == why and own.read_text() == before
    assert nodes.made().differences == why and nodes.plan("agent").node.differences(NOW) == []  # type: ignore[union-attr]
    assert node.key_text() == before
    assert x509_keys.load(issuer.read_bytes(), PASSPHRASE, "").public_key() == public_key


def test_a_certificate_of_x509pop(tmp_path: Path) -> None:
    nodes = Nodes(tmp_path)
    facts = nodes.made().after
    assert (facts["subject"], facts["issuer"]) == ("CN=a1,O=prod.acme.com", "CN=SPIRE node CA,O=prod.acme.com")
    assert (facts["is"], facts["usages"], facts["names"]) == ("no CA", "digitalSignature", "none")
    first = nodes.plan("agent").node
    later = nodes.made(NOW + 310 * DAY)
    second = nodes.plan("agent").node
    assert first and second and first.public_key_hex == second.public_key_hex
    assert (later.differences, later.after["subject"]) == (
        ["it expires at 2031-01-02 00:00:00 UTC, and its renewal is due 60 days before that"], facts["subject"],
    )


def test_the_mode_spiffe_has_the_cas_above_servers_sign(tmp_path: Path) -> None:
    nodes = Nodes(tmp_path, spire_pki="controller", spire_server_config=SPIFFE)
    server, agent = nodes.plan("server"), nodes.plan("agent")
    assert server.plugin_data("NodeAttestor", "x509pop") == {"mode": "spiffe"} and server.authorities == []
    # a new root of the servers signs the nodes' certificates, too
    assert task_view.of_plan(agent)["host_certificate"]["rotates"] and not task_view.of_plan(Nodes(tmp_path).plan("agent"))["host_certificate"]["rotates"]
    assert mistakes(fleet(nodes.common)) == ""
    facts = nodes.made().after
    assert (facts["names"], facts["issuer"]) == ("spiffe://prod.acme.com/spire-exchange/a1", "CN=SPIRE root CA,O=prod.acme.com")
    assert server.upstream and agent.node and nodes.plan("agent").node
    assert look_at(nodes.plan("agent")).differences == []
    prefixed = {"plugins": {"NodeAttestor": {"x509pop": {"plugin_data": {"mode": "spiffe", "spiffe_prefix": "nodes"}}}}}
    node = Nodes(tmp_path, spire_pki="controller", spire_server_config=prefixed).plan("agent").node
    assert node and node.request.uris == ("spiffe://prod.acme.com/nodes/a1",)
