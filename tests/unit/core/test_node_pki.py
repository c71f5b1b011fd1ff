# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What nodes prove themselves by: in trees, in the look, in preflight, and on the controller."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from ansible_collections.spire.fleet.plugins.module_utils import look
from ansible_collections.spire.fleet.plugins.plugin_utils import expiry_sources, node_rules, node_ssh, problems, public, x509_keys
from ansible_collections.spire.fleet.plugins.plugin_utils.compare import Comparison, compare
from ansible_collections.spire.fleet.plugins.plugin_utils.plan import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.planning import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.spec import planned_digests, spec_of
from ansible_collections.spire.fleet.plugins.plugin_utils.x509_authority import Outcome, Run
from ansible_collections.spire.fleet.plugins.plugin_utils.x509_keys import X509Error
from tests.support.authorities import DAY, NOW, PASSPHRASE, make, written
from tests.unit.core.fleets import fleet, mistakes
from tests.unit.core.looks import SERVER, converged

KINDS = ("x509pop", "sshpop")
FILES = {
    "x509pop": ("/etc/spire/agent/main.x509pop.key", "/etc/spire/agent/main.x509pop.pem", "/etc/spire/server/main.x509pop-ca.pem"),
    "sshpop": ("/etc/spire/agent/main.sshpop.key", "/etc/spire/agent/main.sshpop-cert.pub", "/etc/spire/server/main.sshpop-ca.pub"),
}
SPIFFE = {"plugins": {"NodeAttestor": {"x509pop": {"plugin_data": {"mode": "spiffe"}}}}}
CSR_OF = ec.generate_private_key(ec.SECP256R1())


def csr(key: Any = CSR_OF) -> str:
    made = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


class Nodes:
    """A fleet of one server and one agent whose node proves itself by what we make."""

    def __init__(self, directory: Path, kind: str = "x509pop", way: str = "controller", **more: Any) -> None:
        self.kind = kind
        self.common = {"spire_pki_dir": str(directory), "spire_pki_passphrase": PASSPHRASE, f"spire_{kind}": way, **more}

    def plan(self, component: str, **own: Any) -> Plan:
        host = "s1" if component == "server" else "a1"
        return plan(component, host, fleet(self.common, **{host: own}))

    def made(self, now: datetime.datetime = NOW, request: str = "", check: bool = False) -> Outcome:
        node = self.plan("agent").node
        assert node is not None
        return node.ensure(request or (csr() if node.born else ""), Run(now, check))

    def preflight(self, component: str = "agent", now: datetime.datetime = NOW, **own: Any) -> str:
        host = "s1" if component == "server" else "a1"
        made = fleet(self.common, **{host: own})
        return problems.render(node_rules.check(plan(component, host, made), made, now))


def look_at(made: Plan, now: datetime.datetime = NOW, **seen: Any) -> Comparison:
    server = SERVER if made.component == "agent" else None
    return compare(made, {**converged(made), **seen}, server, now)


def test_it_is_off_unless_asked_for() -> None:
    for component in ("agent", "server"):
        made = plan(component, "a1" if component == "agent" else "s1", fleet())
        assert (made.node, made.authorities, made.material) == (None, [], None)
        assert "join_token" in made.plugins("NodeAttestor") and public.of_plan(made)["material"] == {}
        # what was there when it was on goes
        ours = {path for files in FILES.values() for path in files if f"/{component}/" in path}
        assert ours <= set(spec_of(made)["unused"]) and ours <= set(public.of_plan(made)["removable"])


@pytest.mark.parametrize("way", ["host", "controller"])
@pytest.mark.parametrize("kind", KINDS)
def test_it_stands_in_both_trees(tmp_path: Path, kind: str, way: str) -> None:
    nodes, (key, certificate, authorities) = Nodes(tmp_path, kind, way), FILES[kind]
    agent, server = nodes.plan("agent"), nodes.plan("server")
    own = {"x509pop": ("private_key_path", "certificate_path", "ca_bundle_path", "/x509pop/{{ .Subject.CommonName }}"),
           "sshpop": ("host_key_path", "host_cert_path", "cert_authorities_path", "/sshpop/{{ .Hostname }}")}[kind]
    assert agent.plugins("NodeAttestor") == {kind: {"plugin_data": {own[0]: key, own[1]: certificate}}}
    assert server.plugins("NodeAttestor")[kind] == {"plugin_data": {own[2]: authorities, "agent_path_template": own[3]}}
    assert "join_token" in server.plugins("NodeAttestor")
    assert agent.merged.origin(f"plugins.NodeAttestor.{kind}") == server.merged.origin(f"plugins.NodeAttestor.{kind}") == f"spire_{kind}"
    # the agent's own key: it need not be root for sshpop
    assert (agent.user, agent.attests_by_token, agent.once) == ("spire-agent", False, False)
    assert mistakes(fleet(nodes.common)) == ""
    told = public.of_plan(agent)["material"]
    assert (told["born"], told["key_type"], told["key"]["path"], told["key"]["mode"], told["key"]["owner"]) == (
        way == "host", "ec-p256", key, "0600", "spire-agent"
    )
    assert [(one["path"], one["mode"], one["owner"]) for one in told["certificates"]] == [(certificate, "0644", "root")]
    assert public.of_plan(server)["authorities"][kind]["path"] == authorities


@pytest.mark.parametrize("version", ["0.9.4", "1.0.0", "1.15.3"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_release_takes_it(tmp_path: Path, kind: str, version: str) -> None:
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
    # a server that runs has read the CAs at its start
    assert (found.authorities, found.restart, found.files) == (True, True, [f"{kind}_authorities"])
    assert found.differences == [f"file {authorities}"]
    found = look_at(nodes.plan("agent"), keys={f"{kind}_key": {"exists": False, "belongs": False}})
    # what is read at the start alone needs one
    assert found.node and found.restart == (kind == "sshpop")
    for authority in server.authorities:
        authority.keep_issuer(Run(NOW))
    nodes.made()
    server, agent = nodes.plan("server"), nodes.plan("agent")
    assert look_at(server).differences == look_at(agent).differences == []
    # what is read at the start alone is stamped, and a change of it restarts
    assert authorities in planned_digests(server)
    assert (certificate in planned_digests(agent)) == (kind == "sshpop")
    assert f"sha256sum {agent.paths.config} {agent.paths.unit}" in next(one.content for one in agent.files if one.name == "service")
    assert look_at(server, stale=[authorities]).restart


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_look_sees_of_drift(tmp_path: Path, kind: str) -> None:
    nodes, (key, certificate, _authorities) = Nodes(tmp_path, kind), FILES[kind]
    nodes.made()
    agent = nodes.plan("agent")
    title = agent.node.title if agent.node else ""
    found = look_at(agent, now=NOW + 320 * DAY, identity={"chain": [], "key": True})
    reason = f"{title}: it expires at 2031-01-02 00:00:00 UTC, which is within the 60 days of its renewal"
    assert found.differences[0] == reason and found.node
    seen = converged(agent)
    seen["keys"][f"{kind}_key"]["mode"] = "0644"
    assert look_at(agent, keys=seen["keys"]).differences == [f"key {key}"]
    seen["files"][f"{kind}_certificate"]["content"] = ""
    found = compare(agent, seen, SERVER, NOW)
    assert found.differences == [f"file {certificate}", f"key {key}"] and found.node and found.files == []
    other = Nodes(tmp_path, kind, **{f"spire_{kind}_key_type": "ec-p384"}).plan("agent")
    assert look_at(other).differences == [f"{title}: its key is ec-p256, and should be ec-p384"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_expires_is_told(tmp_path: Path, kind: str) -> None:
    """By what the look read in the files; the run renews the node's certificate, and nobody the CA."""
    nodes, (_key, certificate, authorities) = Nodes(tmp_path, kind), FILES[kind]
    for component, path, kinds in (("agent", certificate, "node_certificate"), ("server", authorities, "node_ca")):
        made = nodes.plan(component)
        facts = {"option": "o", "path": path, "name": "n", "starts": NOW.isoformat(), "expires": (NOW + 30 * DAY).isoformat(), "root": False}
        (found,) = expiry_sources.of_look(made, {"certificates": [facts]})
        assert (found.kind, found.renewed_by) == (kinds, "spire.fleet.site" if component == "agent" else "you")
        assert found.verdict(NOW) == ("due" if component == "agent" else "ok")


@pytest.mark.parametrize("kind", KINDS)
def test_the_look_knows_the_key(tmp_path: Path, kind: str) -> None:
    nodes = Nodes(tmp_path, kind)
    nodes.made()
    node = nodes.plan("agent").node
    assert node is not None
    file = tmp_path / "key"
    file.write_text(node.key_text())
    assert look._key(str(file), node.public)["belongs"]
    file.write_bytes(x509_keys.dump(x509_keys.generate("ec-p256")))
    assert not look._key(str(file), node.public)["belongs"]


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
        assert "it is of another key" in nodes.made(request=csr(ec.generate_private_key(ec.SECP256R1()))).differences
    for path in tmp_path.rglob("*.key"):
        assert "ENCRYPTED" in path.read_text() and path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("kind", KINDS)
def test_keys_that_lie_open_are_seen_by_the_look_and_mended(tmp_path: Path, kind: str) -> None:
    nodes = Nodes(tmp_path, kind)
    nodes.made()
    node = nodes.plan("agent").node
    assert node is not None and node.differences(NOW) == []
    before, issuer = node.key_text(), Path(node.issuer_place.key)
    own, public_key = Path(node.place.key), x509_keys.load(issuer.read_bytes(), PASSPHRASE, "").public_key()
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
    assert first and second and first.public == second.public
    assert (later.differences, later.after["subject"]) == (
        ["it expires at 2031-01-02 00:00:00 UTC, which is within the 60 days of its renewal"], facts["subject"],
    )


def test_the_mode_spiffe_has_the_cas_above_servers_sign(tmp_path: Path) -> None:
    nodes = Nodes(tmp_path, spire_pki="controller", spire_server_config=SPIFFE)
    server, agent = nodes.plan("server"), nodes.plan("agent")
    assert server.plugin_data("NodeAttestor", "x509pop") == {"mode": "spiffe"} and server.authorities == []
    # a new root for the servers is one for the nodes, too
    assert public.of_plan(agent)["material"]["rotates"] and not public.of_plan(Nodes(tmp_path).plan("agent"))["material"]["rotates"]
    assert mistakes(fleet(nodes.common)) == ""
    facts = nodes.made().after
    assert (facts["names"], facts["issuer"]) == ("spiffe://prod.acme.com/spire-exchange/a1", "CN=SPIRE root CA,O=prod.acme.com")
    assert server.upstream and agent.node and nodes.plan("agent").node
    assert look_at(nodes.plan("agent")).differences == []
    prefixed = {"plugins": {"NodeAttestor": {"x509pop": {"plugin_data": {"mode": "spiffe", "spiffe_prefix": "nodes"}}}}}
    node = Nodes(tmp_path, spire_pki="controller", spire_server_config=prefixed).plan("agent").node
    assert node and node.request.uris == ("spiffe://prod.acme.com/nodes/a1",)


def test_names_in_ssh_certificates(tmp_path: Path) -> None:
    def principal(domain: str, host: str = "a1") -> str:
        own = {"plugins": {"NodeAttestor": {"sshpop": {"plugin_data": {"canonical_domain": domain}}}}}
        made = fleet(Nodes(tmp_path, "sshpop", spire_server_config=own).common, agents=(host,))
        node = plan("agent", host, made).node
        assert isinstance(node, node_ssh.Sshpop)
        return node.wanted.principal

    assert principal("acme.com") == "a1.acme.com"
    assert principal("acme.com", "web1.acme.com") == "web1.acme.com"
    nodes = Nodes(tmp_path, "sshpop")
    facts = nodes.made().after
    assert (facts["principals"], facts["key"], facts["not after"]) == ("a1", "ec-p256", "2031-01-02 00:00:00 UTC")
    node = nodes.plan("agent").node
    assert node is not None
    Path(node.place.certificate).write_text("nothing")
    with pytest.raises(X509Error, match=f"^{node.place.certificate} holds no SSH certificate.$"):
        nodes.made()


def said(path: str, message: str, severity: str = "error") -> str:
    return f"{severity}: {path}: {message}"


UNENCRYPTED = "It is required where spire_{kind} is controller: keys on the controller are encrypted with it. Set it, from Ansible Vault for example."
DURATION = 'It must be a duration such as "8760h": numbers with the units h, m and s.'
ALWAYS = (
    "It would be renewed 365 days before its end and lives 365 days, so that every run would renew it. Let it live longer, or renew it later."
)
# kind, variables, and what preflight says of the agent
MISTAKES: dict[str, tuple[str, dict[str, Any], str]] = {
    **{
        f"{kind}: {name}": (kind, given, text) for kind in KINDS for name, given, text in (
            ("passphrase", {"spire_pki_passphrase": None}, said("spire_pki_passphrase", UNENCRYPTED.format(kind=kind))),
            ("duration", {f"spire_{kind}_lifetime": "1y"}, said(f"spire_{kind}_lifetime", DURATION)),
            ("window", {f"spire_{kind}_renew_before": "8760h"}, said(f"spire_{kind}_renew_before", ALWAYS)),
        )
    },
    "subject": ("x509pop", {"spire_x509pop_subject": "{host}"}, said(
        "spire_x509pop_subject", 'The subject "a1" can\'t be read: write it as in "CN=Root CA,O=Acme,C=US".'
    )),
    "name": ("x509pop", {"spire_x509pop_subject": "CN=node,OU={host}"}, said(
        "spire_x509pop_subject", "Its common name must be the agent's name in the inventory, which its SPIFFE ID ends with: write CN={host}."
    )),
    "fields": ("sshpop", {"spire_sshpop_issuer": {"certificate": "a", "key": "b"}}, "\n".join((
        said("spire_sshpop_issuer.certificate", "It has no field of this name; its fields are public, key."),
        said("spire_sshpop_issuer.public", "It is required where spire_sshpop_issuer is set; name a file on the controller."),
    ))),
    "half": ("x509pop", {"spire_agent_config": {"plugins": {"NodeAttestor": {"x509pop": {"plugin_data": {"certificate_path": "/srv/c"}}}}}}, (
        "error: plugins.NodeAttestor.x509pop.plugin_data.certificate_path (set by spire_agent_config): spire_x509pop brings the key and the "
        "certificate, and this is another file than it brings. Take it out of the tree, or set spire_x509pop to none and give both."
    )),
    "both": ("x509pop", {"spire_sshpop": "host", "spire_agent_config": {"plugins": {"NodeAttestor": {"x509pop": {"plugin_data": {
        "certificate_path": "/etc/spire/agent/main.x509pop.pem", "private_key_path": "/etc/spire/agent/main.x509pop.key"}}}}}}, said(
        "spire_x509pop", "An agent proves its node in one way. Set spire_x509pop or spire_sshpop to none for the agents."
    )),
    "spiffe": ("x509pop", {"spire_server_config": SPIFFE}, said(
        "spire_x509pop", "Its server s1 takes SVIDs alone (mode: spiffe), and the CA that could issue one is that of spire_pki, which is not in use "
        "there. Set spire_pki for the servers, or leave the mode out."
    )),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_in_variables(tmp_path: Path, name: str) -> None:
    kind, given, text = MISTAKES[name]
    found = Nodes(tmp_path, kind, **given).preflight()
    assert sorted(found.splitlines()) == sorted(text.splitlines())


def test_both_sides_must_know_the_ca(tmp_path: Path) -> None:
    nodes = Nodes(tmp_path)
    del nodes.common["spire_x509pop"]
    assert nodes.preflight(spire_x509pop="host") == said(
        "spire_x509pop", "The agent's certificate comes from spire_x509pop, and its server s1 does not know that CA. Set spire_x509pop for the "
        "servers, too, for example for all.",
    )
    assert Nodes(tmp_path).preflight(spire_pki_dir="/elsewhere") == said(
        "spire_x509pop", f"The CA is /elsewhere/prod.acme.com/x509pop/root.pem here and {tmp_path}/prod.acme.com/x509pop/root.pem for its server s1. "
        "Give both the same spire_pki_dir, spire_trust_domain and spire_x509pop_issuer.",
    )


def test_mistakes_on_servers(tmp_path: Path) -> None:
    def tree(**data: Any) -> dict[str, Any]:
        return {"spire_server_config": {"plugins": {"NodeAttestor": {"x509pop": {"plugin_data": data}}}}}

    path = "plugins.NodeAttestor.x509pop"
    assert Nodes(tmp_path).preflight("server", **tree(ca_bundle_path="/srv/ca.pem")) == (
        f"error: {path} (set by spire_server_config): spire_x509pop makes a CA, and the tree does not name it: nodes would be refused. Add "
        f"{FILES['x509pop'][2]} to ca_bundle_path or ca_bundle_paths, or set spire_x509pop to none."
    )
    assert Nodes(tmp_path).preflight("server", **tree(agent_path_template="/x/{{ .Fingerprint }}")) == (
        f"error: {path}.plugin_data.agent_path_template (set by spire_server_config): .Fingerprint is another one in every certificate, so an "
        "agent would get a new SPIFFE ID with each renewal. Leave the template out: agents are named by their names in the inventory."
    )
    old = Nodes(tmp_path, spire_version="1.10.4", spire_server_config=SPIFFE)
    assert "mode" in problems.render(old.plan("server").problems) and "1.11.2" in problems.render(old.plan("server").problems)


def test_preflight_opens_what_is_there(tmp_path: Path) -> None:
    """Once for all agents, at their server; at an agent whose servers are elsewhere."""
    for kind, key in (("x509pop", "root.key"), ("sshpop", "ca.key")):
        nodes = Nodes(tmp_path, kind)
        nodes.made()
        assert nodes.preflight("server") == nodes.preflight() == ""
        nodes.common["spire_pki_passphrase"] = "wrong"
        text = f"error: spire_pki_dir: The passphrase does not open the key in {tmp_path}/prod.acme.com/{kind}/{key}, or the file is damaged."
        assert (nodes.preflight("server"), nodes.preflight()) == (text, "")
        alone = fleet({**nodes.common, "spire_server_address": "spire.acme.com"}, servers=())
        assert problems.render(node_rules.check(plan("agent", "a1", alone), alone, NOW)) == text
    nodes = Nodes(tmp_path)
    root = f"{tmp_path}/prod.acme.com/x509pop/root.pem"
    assert nodes.preflight("server", NOW + 3600 * DAY) == (
        f"warning: spire_pki_dir: The root in {root} is about to expire: it ends at 2039-12-31 00:00:00 UTC, before a certificate that is made now "
        "would. Replace it in time."
    )
    assert nodes.preflight("server", NOW + 3650 * DAY) == f"error: spire_pki_dir: The root in {root} expired at 2039-12-31 00:00:00 UTC."


def given(tmp_path: Path, **texts: str) -> Mapping[str, str]:
    return written(tmp_path, **texts)


def test_a_ca_that_is_given_is_checked(tmp_path: Path) -> None:
    root = make("Root")
    good = make("Acme", root, path_length=0, more=[x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH])])
    bad = make("Acme", root, ca=False)

    def nodes(ca: Any, key: Any, passphrase: str = PASSPHRASE) -> Nodes:
        return Nodes(tmp_path, spire_x509pop_issuer=given(tmp_path, certificate=ca.pem, key=key.key_pem(passphrase), bundle=root.pem))

    assert nodes(good, good).preflight("server") == ""
    assert nodes(bad, bad).preflight("server") == said(
        "spire_x509pop_issuer", f"CN=Acme in {tmp_path}/certificate is not the certificate of a CA: its basic constraints don't say so.",
    )
    assert nodes(good, root).preflight("server") == said(
        "spire_x509pop_issuer", f"The key in {tmp_path}/key and the first certificate in {tmp_path}/certificate (CN=Acme) don't belong together: "
        "their public keys differ.",
    )
    assert nodes(good, good, "other").preflight("server") == said(
        "spire_x509pop_issuer", f"The passphrase does not open the key in {tmp_path}/key, or the file is damaged.",
    )
    made = nodes(good, good).made().certificates
    assert [one.subject.rfc4514_string() for one in made] == ["CN=a1,O=prod.acme.com", "CN=Acme"]


def test_an_ssh_ca_that_is_given_is_checked(tmp_path: Path) -> None:
    ours, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())

    def text(key: Any, passphrase: str = PASSPHRASE) -> str:
        return x509_keys.dump(key, passphrase).decode()

    def openssh(key: Any) -> str:
        return str(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()).decode())

    def line(key: Any) -> str:
        return str(key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode())

    def nodes(public: str, key: str) -> Nodes:
        return Nodes(tmp_path, "sshpop", spire_sshpop_issuer=given(tmp_path, public=public, key=key))

    assert nodes(line(ours), text(ours)).preflight("server") == ""
    assert nodes(line(ours), openssh(ours)).made().changed
    assert nodes(line(ours), text(ours)).made().differences == []
    for public_key, key, message in (
        (line(other), openssh(ours), f"The key in {tmp_path}/key and the public key in {tmp_path}/public don't belong together."),
        (line(ours), text(ours, "other"), f"The passphrase does not open the key in {tmp_path}/key, or the file is damaged."),
        ("nothing", text(ours), f"{tmp_path}/public holds no public key as OpenSSH writes it."),
        (line(ours), "nothing", f"{tmp_path}/key holds no private key in PEM."),
    ):
        assert nodes(public_key, key).preflight("server") == said("spire_sshpop_issuer", message)
    assert nodes(line(ours), openssh(ours)).preflight("server") == said(
        "spire_sshpop_issuer", f"{tmp_path}/key is not encrypted. Whoever can read it can sign for this fleet: encrypt it (openssl pkcs8 -topk8, "
        "or ssh-keygen -p for one of OpenSSH's) and make it 0600.", "warning",
    )
    edwards = ed25519.Ed25519PrivateKey.generate()
    assert "is ed25519; a CA of SPIRE's takes" in nodes(line(edwards), text(edwards)).preflight("server")
    # whoever holds the CA may keep the key away until something has to be signed
    made = nodes(line(ours), text(ours))
    (tmp_path / "key").unlink()
    assert made.preflight("server") == "" and made.made().differences == []
    with pytest.raises(X509Error, match=f"^{tmp_path}/key is not there, and the SSH CA SHA256:.* has to sign. Bring the key back for this run.$"):
        made.made(NOW + 320 * DAY)


def test_a_key_that_takes_another_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(_text: bytes, _passphrase: bytes | None) -> None:
        raise UnsupportedAlgorithm("Need bcrypt module")

    monkeypatch.setattr(node_ssh.serialization, "load_ssh_private_key", unsupported)
    file = tmp_path / "key"
    file.write_text("-----BEGIN OPENSSH PRIVATE KEY-----")
    with pytest.raises(X509Error) as caught:
        node_ssh._load_key(str(file), PASSPHRASE)
    assert str(caught.value) == (
        f"The key in {file} is encrypted in OpenSSH's own way, and the controller's Python has no bcrypt for that. Install it with: pip install "
        f"bcrypt; or have it written in another one: ssh-keygen -p -m PKCS8 -f {file}"
    )
