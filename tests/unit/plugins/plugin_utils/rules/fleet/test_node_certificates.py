# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Preflight reports mistakes about nodes' certificates, in variables and in files on the controller."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from ansible_collections.spire.fleet.plugins.plugin_utils.common import problems
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.fleet import node_certificates
from tests.support.authorities import DAY, NOW, PASSPHRASE, make, written
from tests.unit.builders.fleets import fleet, rendered
from tests.unit.builders.nodes import FILES, KINDS, Nodes, SPIFFE, problem_line

UNENCRYPTED = (
    "It is required when spire_{kind} is controller, because it encrypts the keys on the controller. Set it, for example from Ansible Vault."
)
DURATION = 'It must be a duration such as "8760h": numbers with the units h, m and s.'
ALWAYS = (
    "It would be renewed 365 days before it expires, but it lives only 365 days, so every run would renew it. Set a longer lifetime, or "
    "renew it later."
)
# Each case has the attestor, the variables, and preflight's message about the agent.
MISTAKES: dict[str, tuple[str, dict[str, Any], str]] = {
    **{
        f"{kind}: {name}": (kind, given, text) for kind in KINDS for name, given, text in (
            ("passphrase", {"spire_pki_passphrase": None}, problem_line("spire_pki_passphrase", UNENCRYPTED.format(kind=kind))),
            ("duration", {f"spire_{kind}_lifetime": "1y"}, problem_line(f"spire_{kind}_lifetime", DURATION)),
            ("window", {f"spire_{kind}_renew_before": "8760h"}, problem_line(f"spire_{kind}_renew_before", ALWAYS)),
        )
    },
    "subject": ("x509pop", {"spire_x509pop_subject": "{host}"}, problem_line(
        "spire_x509pop_subject", 'The subject "a1" can\'t be read: write it as in "CN=Root CA,O=Acme,C=US".'
    )),
    "name": ("x509pop", {"spire_x509pop_subject": "CN=node,OU={host}"}, problem_line(
        "spire_x509pop_subject", "Its common name must be the agent's inventory name, because the agent's SPIFFE ID ends with it. "
                                 "Write CN={host}."
    )),
    "fields": ("sshpop", {"spire_sshpop_issuer": {"certificate": "a", "key": "b"}}, "\n".join((
        problem_line("spire_sshpop_issuer.certificate", "spire_sshpop_issuer has no field with this name. Its fields are public, key."),
        problem_line(
            "spire_sshpop_issuer.public", "This field is required when spire_sshpop_issuer is set. Write the name of a file on the controller.",
        ),
    ))),
    "half": ("x509pop", {"spire_agent_config": {"plugins": {"NodeAttestor": {"x509pop": {"plugin_data": {"certificate_path": "/srv/c"}}}}}}, (
        "error: plugins.NodeAttestor.x509pop.plugin_data.certificate_path (set by spire_agent_config): spire_x509pop sets the key and "
        "the certificate, but the tree names another file here. Remove it from the tree, or set spire_x509pop to none and set both "
        "yourself."
    )),
    "both": ("x509pop", {"spire_sshpop": "host", "spire_agent_config": {"plugins": {"NodeAttestor": {"x509pop": {"plugin_data": {
        "certificate_path": "/etc/spire/agent/main.x509pop.pem", "private_key_path": "/etc/spire/agent/main.x509pop.key"}}}}}}, problem_line(
        "spire_x509pop", "An agent can have only one node attestor. Set spire_x509pop or spire_sshpop to none for the agents."
    )),
    "spiffe": ("x509pop", {"spire_server_config": SPIFFE}, problem_line(
        "spire_x509pop", "Its server s1 accepts only SVIDs (mode: spiffe), which the CA of spire_pki would issue, but spire_pki is not "
                         "in use there. Set spire_pki for the servers, or remove the mode."
    )),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_in_variables(tmp_path: Path, name: str) -> None:
    kind, given, text = MISTAKES[name]
    found = Nodes(tmp_path, kind, **given).preflight()
    assert sorted(found.splitlines()) == sorted(text.splitlines())


def test_agent_and_server_must_use_the_same_ca(tmp_path: Path) -> None:
    nodes = Nodes(tmp_path)
    del nodes.common["spire_x509pop"]
    assert nodes.preflight(spire_x509pop="host") == problem_line(
        "spire_x509pop", "spire_x509pop issues the agent's certificate, but its server s1 does not trust that CA. Set spire_x509pop "
                         "for the servers too, for example in group_vars/all.",
    )
    assert Nodes(tmp_path).preflight(spire_pki_dir="/elsewhere") == problem_line(
        "spire_x509pop", f"The CA is /elsewhere/prod.acme.com/x509pop/root.pem here but {tmp_path}/prod.acme.com/x509pop/root.pem for "
                         "its server s1. Set the same spire_pki_dir, spire_trust_domain and spire_x509pop_issuer for both.",
    )


def test_mistakes_on_servers(tmp_path: Path) -> None:
    def tree(**data: Any) -> dict[str, Any]:
        return {"spire_server_config": {"plugins": {"NodeAttestor": {"x509pop": {"plugin_data": data}}}}}

    path = "plugins.NodeAttestor.x509pop"
    assert Nodes(tmp_path).preflight("server", **tree(ca_bundle_path="/srv/ca.pem")) == (
        f"error: {path} (set by spire_server_config): spire_x509pop creates a CA, but the configuration does not contain it, so the "
        f"server would refuse the nodes. Add {FILES['x509pop'][2]} to ca_bundle_path or ca_bundle_paths, or set spire_x509pop to none."
    )
    assert Nodes(tmp_path).preflight("server", **tree(agent_path_template="/x/{{ .Fingerprint }}")) == (
        f"error: {path}.plugin_data.agent_path_template (set by spire_server_config): .Fingerprint is different in every certificate, "
        "so an agent would get a new SPIFFE ID with each renewal. Remove the template: the collection then uses the agents' inventory "
        "names."
    )
    template = tree(agent_path_template="/x/{{ .SerialNumberHex }}")
    assert ": .SerialNumberHex is different in every certificate" in Nodes(tmp_path).preflight("server", **template)
    old = Nodes(tmp_path, spire_version="1.10.4", spire_server_config=SPIFFE)
    assert "mode" in problems.render(old.plan("server").problems) and "1.11.2" in problems.render(old.plan("server").problems)


def test_preflight_reads_the_existing_ca_files(tmp_path: Path) -> None:
    """Preflight reads the CA's files. A mistake is reported once, at the server, or at an agent whose servers are not in the inventory."""
    for kind, key in (("x509pop", "root.key"), ("sshpop", "ca.key")):
        nodes = Nodes(tmp_path, kind)
        nodes.made()
        assert nodes.preflight("server") == nodes.preflight() == ""
        nodes.common["spire_pki_passphrase"] = "wrong"
        text = f"error: spire_pki_dir: The passphrase does not open the key in {tmp_path}/prod.acme.com/{kind}/{key}, or the file is damaged."
        assert (nodes.preflight("server"), nodes.preflight()) == (text, "")
        alone = fleet({**nodes.common, "spire_server_address": "spire.acme.com"}, servers=())
        assert rendered(node_certificates.check(plan("agent", "a1", alone), alone, NOW)) == text
    nodes = Nodes(tmp_path)
    root = f"{tmp_path}/prod.acme.com/x509pop/root.pem"
    assert nodes.preflight("server", NOW + 3600 * DAY) == (
        f"warning: spire_pki_dir: The root certificate in {root} expires at 2039-12-31 00:00:00 UTC, before a certificate that is issued now "
        "would expire. Replace the root before then."
    )
    assert nodes.preflight("server", NOW + 3650 * DAY) == f"error: spire_pki_dir: The root certificate in {root} expired at 2039-12-31 00:00:00 UTC."


def test_a_user_supplied_ca_is_checked(tmp_path: Path) -> None:
    root = make("Root")
    good = make("Acme", root, path_length=0, more=[x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH])])
    bad = make("Acme", root, ca=False)

    def nodes(ca: Any, key: Any, passphrase: str = PASSPHRASE) -> Nodes:
        return Nodes(tmp_path, spire_x509pop_issuer=written(tmp_path, certificate=ca.pem, key=key.key_pem(passphrase), bundle=root.pem))

    assert nodes(good, good).preflight("server") == ""
    assert nodes(bad, bad).preflight("server") == problem_line(
        "spire_x509pop_issuer", f"CN=Acme in {tmp_path}/certificate is not the certificate of a CA: its basic constraints don't name it "
                                "as one.",
    )
    assert nodes(good, root).preflight("server") == problem_line(
        "spire_x509pop_issuer", f"The key in {tmp_path}/key and the first certificate in {tmp_path}/certificate (CN=Acme) don't belong together: "
        "their public keys differ.",
    )
    assert nodes(good, good, "other").preflight("server") == problem_line(
        "spire_x509pop_issuer.key", f"The passphrase does not open the key in {tmp_path}/key, or the file is damaged.",
    )
    made = nodes(good, good).made().certificates
    assert [one.subject.rfc4514_string() for one in made] == ["CN=a1,O=prod.acme.com", "CN=Acme"]
