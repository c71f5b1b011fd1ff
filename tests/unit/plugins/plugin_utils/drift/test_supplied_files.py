# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The drift check reports what is wrong with keys and certificates that a person has put on a host, without a part of a key."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from ansible_collections.spire.fleet.plugins.module_utils.host import private_key
from ansible_collections.spire.fleet.plugins.plugin_utils.common.clocks import Clock
from ansible_collections.spire.fleet.plugins.plugin_utils.drift import supplied_files
from ansible_collections.spire.fleet.plugins.plugin_utils.drift.check import DriftCheck, DriftError
from ansible_collections.spire.fleet.plugins.plugin_utils.drift.compare import compare
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from tests.support.authorities import DAY, Made, NOW, make
from tests.unit.builders.fleets import fleet, planned
from tests.unit.builders.observed import AGENT_ID, SERVER, converged

ROOT, OTHER = make("Root"), make("Other")
MIDDLE = make("Middle", ROOT)
NODE = make("node", MIDDLE, ca=False, uses=["digital_signature"])
KEY, CERTIFICATE, MORE = "/srv/node.key", "/srv/node.pem", "/srv/more.pem"
X509POP = "plugins.NodeAttestor.x509pop.plugin_data"
SERVERS = {"plugins": {"NodeAttestor": {"x509pop": {"plugin_data": {"ca_bundle_path": "/srv/ca.pem"}}}}}
DISK = {"cert_file_path": "/srv/ca.pem", "key_file_path": "/srv/ca.key", "bundle_file_path": "/srv/root.pem"}


def agent(data: dict[str, Any] | None = None, servers: dict[str, Any] | None = None, **more: Any) -> Plan:
    own = {"private_key_path": KEY, "certificate_path": CERTIFICATE, "intermediates_path": MORE}
    tree = {"plugins": {"NodeAttestor": {"x509pop": {"plugin_data": data or own}}}, **more.pop("tree", {})}
    return planned("agent", {"spire_server_config": servers or SERVERS}, spire_agent_config=tree, **more)


def server(kind: str = "UpstreamAuthority", **more: Any) -> Plan:
    return planned("server", spire_server_config={"plugins": {kind: {"disk": {"plugin_data": DISK}}}}, **more)


def key_state(text: str | bytes) -> dict[str, Any]:
    """Returns what the host says about a file with this text."""
    blocks = private_key.blocks(text if isinstance(text, bytes) else text.encode())
    keys = [private_key.facts(block) for block in blocks if private_key.is_private_key(block.kind)]
    return {"problem": "", "blocks": [block.kind for block in blocks], **({"key": keys[0]} if keys else {})}


def results(
    plan: Plan, key: str | bytes | dict[str, Any], files: dict[str, list[Made]], answer: dict[str, Any] | None = None, **states: dict[str, Any]
) -> tuple[list[str], list[str]]:
    """Returns the errors and warnings of a host with this key and these certificates; ``states`` are those of other files by the option."""
    asked = supplied_files.asked(plan)
    observed = converged(plan)
    observed["certificates"] = {path: [one.pem for one in chain] for path, chain in files.items()}
    named = {path: name for name, path in (*plan.plugin_data("NodeAttestor", "x509pop").items(), *DISK.items())}
    observed["supplied"] = {
        path: states.get(named.get(path, ""), (key if isinstance(key, dict) else key_state(key)) if wants_key else {
            "problem": "", "blocks": ["CERTIFICATE"] * len(files.get(path, [])),
        })
        for path, wants_key in asked.items()
    }
    server_answer = {**SERVER, **answer} if answer is not None else None
    found = compare(plan, observed, server_answer, NOW)
    assert found.differences == []
    return found.errors, found.warnings


def errors(*arguments: Any, **more: Any) -> list[str]:
    found, warnings = results(*arguments, **more)
    assert warnings == []
    return found


GOOD = {CERTIFICATE: [NODE], MORE: [MIDDLE]}
ANSWER = {"certificates": {"/srv/ca.pem": [ROOT.pem]}}


def test_what_the_host_is_asked_for() -> None:
    assert supplied_files.asked(agent()) == {CERTIFICATE: False, MORE: False, KEY: True}
    assert supplied_files.asked(server()) == {"/srv/ca.pem": False, "/srv/root.pem": False, "/srv/ca.key": True}
    bundle = agent(tree={"agent": {"trust_bundle_path": "/srv/bundle.pem"}})
    assert supplied_files.asked(bundle) == {CERTIFICATE: False, MORE: False, KEY: True, "/srv/bundle.pem": False}
    # The collection writes these files itself, or a Workload API gives the certificate.
    assert supplied_files.asked(planned("agent", {"spire_x509pop": "host"})) == {}
    assert supplied_files.asked(planned("server", spire_pki="host", spire_pki_passphrase="horse")) == {}
    assert supplied_files.asked(planned("server", spire_x509pop="host", spire_pki_passphrase="horse")) == {}
    assert supplied_files.asked(agent({"private_key_path": KEY, "certificate_path": CERTIFICATE, "spiffe_endpoint_socket": "/run/a"})) == {}


@pytest.mark.parametrize(("kind", "files"), [("mysql", {"/c": False, "/k": True}), ("postgres", {})])
def test_only_mysql_gets_a_client_certificate(kind: str, files: dict[str, bool]) -> None:
    data = {"database_type": kind, "connection_string": "x", "client_cert_path": "/c", "client_key_path": "/k"}
    assert supplied_files.asked(planned("server", spire_server_config={"plugins": {"DataStore": {"sql": {"plugin_data": data}}}})) == files


def test_good_files() -> None:
    assert errors(agent(), NODE.key_pem(), GOOD, ANSWER) == []
    assert errors(agent(), NODE.key_pem(), {CERTIFICATE: [NODE, MIDDLE], MORE: [ROOT]}, ANSWER) == []
    assert errors(server(), MIDDLE.key_pem(), {"/srv/ca.pem": [MIDDLE], "/srv/root.pem": [ROOT]}) == []


DENIED = {"exists": True, "problem": "denied", "blocks": [], "mode": "0600", "owner": "root", "group": "root", "directory": False, "link": False}


def test_files_that_the_service_can_not_read() -> None:
    assert errors(agent(), {"problem": "absent", "blocks": []}, {}, certificate_path={"problem": "no file", "blocks": []}, intermediates_path=DENIED) == [
        f"{X509POP}.certificate_path: {CERTIFICATE} is not a regular file. Name the file itself.",
        f"{X509POP}.intermediates_path: spire-agent can't read {MORE} (mode 0600, owner root, group root), and SPIRE fails without it. Allow it, for "
        f"example with chgrp spire-agent {MORE}; chmod 0640 {MORE}. The directories above it must let that user through.",
        f"{X509POP}.private_key_path: There is no file {KEY} on the host. Put it there before the run, deliver it with spire_agent_files, or name another one.",
    ]


def test_the_group_is_made_first_where_the_user_does_not_exist_yet() -> None:
    plan = server()
    observed = {**converged(plan), "user": {"exists": False, "group": False}, "supplied": {"/srv/ca.key": DENIED}}
    (message,) = compare(plan, observed, None, NOW).errors
    assert "Allow it, for example with groupadd --system spire-server; chgrp spire-server /srv/ca.key; chmod 0640 /srv/ca.key." in message


def test_a_directory_that_the_run_opens_is_no_mistake() -> None:
    plan = server()
    observed = converged(plan)
    inside = f"{plan.paths.config_dir}/ca.key"
    plan = planned("server", spire_server_config={"plugins": {"UpstreamAuthority": {"disk": {"plugin_data": {**DISK, "key_file_path": inside}}}}})
    observed["supplied"] = {inside: DENIED}
    assert len(compare(plan, observed, None, NOW).errors) == 1
    observed["directories"][plan.paths.config_dir]["mode"] = "0700"
    assert compare(plan, observed, None, NOW).errors == []


def test_a_trust_bundle_matters_while_the_agent_is_enrolled() -> None:
    plan = agent(tree={"agent": {"trust_bundle_path": "/srv/bundle.pem"}})
    observed = {**converged(plan), "supplied": {"/srv/bundle.pem": {"problem": "absent", "blocks": []}}}
    assert compare(plan, observed, None, NOW).errors == []
    observed["identity"] = {"chain": [], "key": True}
    assert compare(plan, observed, None, NOW).errors == [
        "agent.trust_bundle_path: There is no file /srv/bundle.pem on the host. Put it there before the run, deliver it with spire_agent_files, or "
        "name another one."
    ]
    observed["supplied"]["/srv/bundle.pem"] = {"problem": "", "blocks": ["CERTIFICATE", "PUBLIC KEY"]}
    assert compare(plan, observed, None, NOW).errors == [
        "agent.trust_bundle_path: /srv/bundle.pem contains PUBLIC KEY beside certificates, and SPIRE takes nothing but certificates there. Remove the "
        "rest from it."
    ]


def test_files_without_a_certificate() -> None:
    state = {"problem": "", "blocks": ["TRUSTED CERTIFICATE"]}
    assert errors(agent(), NODE.key_pem(), {}, certificate_path=state, intermediates_path={"problem": "", "blocks": ["CERTIFICATE", "X"]}) == [
        f"{X509POP}.certificate_path: {CERTIFICATE} contains no certificate in PEM, but TRUSTED CERTIFICATE. If it is in DER, convert it with openssl "
        "x509 -inform DER."
    ]
    files = {"/srv/ca.pem": [MIDDLE], "/srv/root.pem": [ROOT]}
    assert errors(server(), MIDDLE.key_pem(), files, bundle_file_path={"problem": "", "blocks": ["CERTIFICATE", "X509 CRL"]}) == [
        "plugins.UpstreamAuthority.disk.plugin_data.bundle_file_path: /srv/root.pem contains X509 CRL beside certificates, and SPIRE takes nothing but "
        "certificates there. Remove the rest from it."
    ]


def text_of(key: Any, form: Any = serialization.PrivateFormat.TraditionalOpenSSL) -> str:
    return bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())).decode()


PARAMETERS = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
WRONG = {
    "junk": ("junk", "contains no private key in PEM."),
    "a certificate": (NODE.pem, "contains no private key in PEM. It contains CERTIFICATE."),
    "encrypted": (NODE.key_pem("horse"), "is encrypted, and SPIRE has no passphrase for it."),
    "damaged": (NODE.key_pem().replace("MIG", "AAA"), "can't be read: its block PRIVATE KEY is damaged."),
    "openssh": (text_of(NODE.key, serialization.PrivateFormat.OpenSSH), "has the form of OpenSSH, which SPIRE does not read there."),
    "another curve": (text_of(ec.generate_private_key(ec.SECP256K1())), "is of the curve secp256k1, which SPIRE does not read."),
    "another key": (OTHER.key_pem(), "don't belong together: their public keys differ."),
    "of the intermediate": (MIDDLE.key_pem(), "belongs to certificate number 2 of /srv/"),
}


@pytest.mark.parametrize("name", WRONG)
def test_keys_that_no_plugin_takes(name: str) -> None:
    text, expected = WRONG[name]
    (message,) = errors(agent(), text, {CERTIFICATE: [NODE, MIDDLE], MORE: []}, intermediates_path={"problem": "", "blocks": ["CERTIFICATE"]})
    assert message.startswith(f"{X509POP}.private_key_path: ") and expected in message and KEY in message


def test_keys_that_only_the_plugin_disk_refuses() -> None:
    files, option = {"/srv/ca.pem": [MIDDLE], "/srv/root.pem": [ROOT]}, "plugins.UpstreamAuthority.disk.plugin_data.key_file_path"
    sec1 = text_of(MIDDLE.key)
    assert errors(server(), sec1, files) == []
    assert errors(server(), PARAMETERS + sec1, files) == [
        f"{option}: /srv/ca.key contains a block EC PARAMETERS before the key, and SPIRE takes only the key there. Write a file with the key alone: "
        "openssl pkey -in /srv/ca.key -out FILE."
    ]
    assert errors(server(), MIDDLE.pem + sec1, files)[0].startswith(f"{option}: /srv/ca.key contains 2 blocks of PEM: CERTIFICATE, EC PRIVATE KEY, and ")
    assert errors(server(), sec1.replace("EC PRIVATE", "PRIVATE"), files) == [
        f"{option}: The block in /srv/ca.key is called PRIVATE KEY, and its content is that of EC PRIVATE KEY. Write it anew: openssl pkey -in "
        "/srv/ca.key -out FILE."
    ]
    for text in (PARAMETERS + text_of(NODE.key), text_of(NODE.key).replace("EC PRIVATE", "PRIVATE")):
        assert errors(agent(), text, GOOD, ANSWER) == []


def test_a_key_that_nobody_can_compare_is_said() -> None:
    key = key_state(NODE.key_pem())
    key["key"]["public"] = ""
    assert results(agent(), key, GOOD, ANSWER) == ([], [
        f"{X509POP}.private_key_path: {KEY} does not contain the key's public half, and the host has no openssl to compute it, so nobody has compared "
        f"the key with {CERTIFICATE}."
    ])


def test_certificates_that_servers_refuse() -> None:
    where, key = f"{X509POP}.certificate_path", ed25519.Ed25519PrivateKey.generate()
    old = make("old", MIDDLE, key=NODE.key, ca=False, uses=["key_encipherment"], ends=NOW)
    assert errors(agent(), NODE.key_pem(), {CERTIFICATE: [old], MORE: [MIDDLE]}, ANSWER) == [
        f"{where}: CN=old in {CERTIFICATE} expired at 2030-01-02 00:00:00 UTC, so servers refuse it. Replace it.",
        f"{where}: CN=old in {CERTIFICATE} lacks the key usage digitalSignature, without which servers refuse it. Have it issued again with that usage.",
    ]
    early = make("early", MIDDLE, key=key, ca=False, uses=["digital_signature"], starts=NOW + DAY)
    state = key_state(text_of(key, serialization.PrivateFormat.PKCS8))
    state["key"]["public"] = base64.b64encode(
        key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    ).decode()
    assert errors(agent(), state, {CERTIFICATE: [early], MORE: [MIDDLE]}, ANSWER) == [
        f"{where}: CN=early in {CERTIFICATE} is not valid before 2030-01-03 00:00:00 UTC; is the controller's clock right?",
        f"{where}: CN=early in {CERTIFICATE} has a key of the type ed25519, and x509pop takes RSA and ECDSA keys only. Have it issued for such a key.",
    ]


def test_a_certificate_with_an_extension_that_can_not_be_read() -> None:
    junk = x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, b"junk")
    odd = make("odd", MIDDLE, key=NODE.key, ca=False, uses=["digital_signature"], more=[junk])
    assert errors(agent(), NODE.key_pem(), {CERTIFICATE: [odd], MORE: [MIDDLE]}, ANSWER) == [
        f"{X509POP}.certificate_path: A certificate in {CERTIFICATE} or {MORE} has an extension or a key that can't be read."
    ]


def test_a_certificate_that_expires_soon() -> None:
    soon = make("node", MIDDLE, key=NODE.key, ca=False, uses=["digital_signature"], starts=NOW - 9 * DAY, ends=NOW + 2 * DAY)
    assert results(agent(), NODE.key_pem(), {CERTIFICATE: [soon], MORE: [MIDDLE]}, ANSWER) == ([], [
        f"{X509POP}.certificate_path: CN=node in {CERTIFICATE} expires at 2030-01-04 00:00:00 UTC, in 2 days. Nothing renews it automatically: replace "
        "it before then, or the agent can't attest any more."
    ])


def gap(chain: list[Made], more: list[Made], roots: list[Made]) -> str:
    """Returns where the way from the node's certificate to the servers' CAs ends."""
    answer = {"certificates": {"/srv/ca.pem": [one.pem for one in roots]}}
    found = errors(agent(), NODE.key_pem(), {CERTIFICATE: chain, MORE: more}, answer, intermediates_path={"problem": "", "blocks": ["CERTIFICATE"]})
    start = f"{X509POP}.certificate_path: The certificate leads to no CA in the servers' /srv/ca.pem: "
    end = ". Put missing intermediates after the certificate or into intermediates_path, or its root into the CA bundle of the servers."
    assert all(one.startswith(start) and one.endswith(end) for one in found) and len(found) < 2
    return found[0].removeprefix(start).removesuffix(end) if found else ""


def test_the_way_to_the_cas_of_the_servers() -> None:
    assert gap([NODE], [MIDDLE], [OTHER, ROOT]) == gap([NODE], [], [MIDDLE]) == gap([NODE], [OTHER, ROOT, MIDDLE], [ROOT]) == gap([NODE], [], [NODE]) == ""
    assert gap([NODE], [], [ROOT]) == "CN=node was issued by CN=Middle, whose certificate is in none of them"
    assert gap([NODE, MIDDLE], [], [OTHER]) == "CN=Middle was issued by CN=Root, whose certificate is in none of them"
    assert gap([NODE, MIDDLE, ROOT], [], [OTHER]) == "CN=Root is a root that is none of them"
    assert gap([NODE], [make("Middle", ROOT, key=MIDDLE.key, ends=NOW - DAY / 2)], [ROOT]) == "CN=node was issued by CN=Middle, which expired"
    assert gap([NODE], [make("Middle", ROOT, key=MIDDLE.key, starts=NOW + DAY)], [ROOT]) == "CN=node was issued by CN=Middle, which is not valid yet"
    assert gap([NODE], [make("Middle", ROOT, key=MIDDLE.key, ca=False)], [ROOT]) == "CN=node was issued by CN=Middle, which is no CA"
    # Where the servers' files are not known, nothing is said.
    assert errors(agent(), NODE.key_pem(), {**GOOD, MORE: []}, {"certificates": {"/srv/ca.pem": []}}, intermediates_path=key_state(MIDDLE.pem)) == []
    assert errors(agent(), NODE.key_pem(), GOOD) == []


def test_the_mode_spiffe_verifies_with_the_trust_bundle() -> None:
    def own(path: str) -> Made:
        names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(f"spiffe://prod.acme.com{path}")])
        return make("node", ROOT, key=NODE.key, ca=False, uses=["digital_signature"], more=[names])

    servers = {"plugins": {"NodeAttestor": {"x509pop": {"plugin_data": {"mode": "spiffe"}}}}}

    def found(one: Made, bundle: Made) -> list[str]:
        return errors(agent(servers=servers), NODE.key_pem(), {CERTIFICATE: [one], MORE: [MIDDLE]}, {"bundle": bundle.pem})

    assert found(own("/spire-exchange/a"), ROOT) == []
    assert found(own("/spire-exchange/a"), OTHER) == [
        f"{X509POP}.certificate_path: The certificate leads to no CA in the trust bundle of its servers: CN=node was issued by CN=Root, whose certificate "
        "is in none of them. Put missing intermediates after the certificate or into intermediates_path."
    ]
    assert found(own("/other/a"), ROOT) == [
        f"{X509POP}.certificate_path: CN=node has no SPIFFE ID whose path begins with /spire-exchange/, the spiffe_prefix of its servers."
    ]


def test_the_key_of_an_ssh_certificate() -> None:
    key, other = ed25519.Ed25519PrivateKey.generate(), ed25519.Ed25519PrivateKey.generate()
    builder = serialization.SSHCertificateBuilder().public_key(key.public_key()).serial(1).type(serialization.SSHCertificateType.HOST)
    builder = builder.valid_for_all_principals().valid_after(0).valid_before(2**64 - 1).key_id(b"node")
    certificate = builder.sign(other).public_bytes().decode()
    plan = planned("agent", spire_agent_config={"plugins": {"NodeAttestor": {"sshpop": {"plugin_data": {
        "host_key_path": "/etc/ssh/k", "host_cert_path": "/etc/ssh/c",
    }}}}})
    assert supplied_files.asked(plan) == {"/etc/ssh/k": True, "/etc/ssh/c": False}
    option = "plugins.NodeAttestor.sshpop.plugin_data.host_key_path"
    observed = converged(plan)
    observed["certificates"] = {"/etc/ssh/c": [certificate]}

    def found(text: str) -> list[str]:
        observed["supplied"] = {"/etc/ssh/k": key_state(text), "/etc/ssh/c": {"problem": "", "blocks": []}}
        return compare(plan, observed, None, NOW).errors

    assert found(text_of(key, serialization.PrivateFormat.OpenSSH)) == []
    assert found(text_of(other, serialization.PrivateFormat.OpenSSH)) == [
        f"{option}: The key in /etc/ssh/k and the certificate in /etc/ssh/c don't belong together: their public keys differ. Put the key there that the "
        "certificate was issued for, or have another certificate issued."
    ]
    assert "EC PARAMETERS before the key" in found(PARAMETERS + text_of(NODE.key))[0]


def test_a_task_that_removes_the_agent_gets_its_identity_all_the_same() -> None:
    plan = agent()
    observed = {**converged(plan), "supplied": {KEY: {"problem": "absent", "blocks": []}}}
    with pytest.raises(DriftError, match=f"^a1: {X509POP}.private_key_path: There is no file") as caught:
        DriftCheck(final=True).result(plan, fleet(), observed, Clock.between(0, 0, 0))
    assert caught.value.result["spiffe_id"] == AGENT_ID


def test_no_message_has_a_part_of_a_key() -> None:
    shown = " ".join(one for text, _expected in WRONG.values() for one in results(agent(), text, GOOD, ANSWER)[0])
    lines = [line for text, _expected in WRONG.values() for line in text.splitlines() if len(line) > 8 and "-----" not in line]
    assert len(lines) > 10 and not any(line in shown for line in lines)
