# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible runs the modules that make CAs, at -vvv with --diff; no output and no file that it leaves has a secret."""

from __future__ import annotations

import base64
import stat
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import keys as x509_keys
from tests.support.playbook_run import Run, fact, inventory, play

PASSPHRASE = "planted-passphrase-93c1"
VARIABLES = {"secret": PASSPHRASE, "spire_pki_passphrase": PASSPHRASE}


def ca(run_directory: Path, name: str, **more: Any) -> dict[str, Any]:
    """Returns a task that makes a CA."""
    return {"spire.fleet.ca": {
        "certificate_path": str(run_directory / "pki" / f"{name}.pem"), "key_path": str(run_directory / "pki" / f"{name}.key"), "passphrase": "{{ secret }}",
        "subject": f"CN={name},O=Acme", "lifetime": "8760h", **more,
    }}


def tasks(run_directory: Path) -> dict[str, Any]:
    """Returns tasks for a root, an intermediate, a host's key and its certificate; each in check mode, then for real, and both again."""
    issuer = {"issuer_certificate_path": str(run_directory / "pki" / "root.pem"), "issuer_key_path": str(run_directory / "pki" / "root.key")}
    one = {
        "root": ca(run_directory, "root", path_length=2),
        "own": ca(run_directory, "own", path_length=1, key_type="ec-p256", **issuer),
        "key": {"spire.fleet.private_key_csr": {"path": str(run_directory / "key_on_host.key"), "key_type": "ec-p256"}},
    }
    found: dict[str, Any] = {}
    for round_name, check in (("check", True), ("run", False), ("check_again", True), ("again", False)):
        for name, task in one.items():
            if (name, round_name) != ("own", "check"):  # in the first round of check mode its issuer does not exist
                found[f"{name}_{round_name}"] = {**task, "check_mode": check}
    key_on_host = ca(run_directory, "key_on_host", csr="{{ result_key_run.csr }}", **issuer)
    del key_on_host["spire.fleet.ca"]["key_path"]
    found["key_on_host_check"] = {**key_on_host, "check_mode": True}
    found["key_on_host_run"] = key_on_host
    found["key_on_host_again"] = key_on_host
    content = "{{ lookup('ansible.builtin.file', key_on_host, rstrip=False) }}"
    secret = {"spire.fleet.secret_file": {"path": str(run_directory / "handed.key"), "content": content}}
    secret = {**secret, "vars": {"key_on_host": str(run_directory / "key_on_host.key")}, "no_log": True}
    for round_name, check in (("check", True), ("run", False), ("check_again", True), ("again", False)):
        found[f"secret_{round_name}"] = {**secret, "check_mode": check}
    found["secret_shared"] = {**secret, "spire.fleet.secret_file": {**secret["spire.fleet.secret_file"], "mode": "0640"}}
    found["secret_loose"] = {"ansible.builtin.file": {"path": str(run_directory / "handed.key"), "mode": "0644"}}
    found["secret_mended"] = secret
    found["secret_nobody"] = {"spire.fleet.secret_file": {"path": str(run_directory / "x"), "content": "{{ secret }}", "owner": "no-such-user"}}
    found["secret_nowhere"] = {"spire.fleet.secret_file": {"path": str(run_directory / "x" / "y"), "content": "{{ secret }}"}}
    found["renamed"] = ca(run_directory, "own", path_length=1, **{**issuer, "subject": "CN=renamed"})
    found["wrong"] = ca(run_directory, "root", path_length=2, passphrase="not-this")
    found["twice"] = ca(run_directory, "root", csr="x")
    found["lonely"] = ca(run_directory, "root", issuer_certificate_path="/nowhere")
    found["low"] = ca(run_directory, "low", path_length=2, **issuer)
    found["long"] = ca(run_directory, "long", **{"lifetime": "1y"})
    found["forced"] = ca(run_directory, "root", path_length=2, force=True)
    return found


@pytest.fixture(scope="module")
def run_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ca")


@pytest.fixture(scope="module")
def run(run_directory: Path) -> Run:
    return play(run_directory, inventory(VARIABLES), tasks(run_directory), "--diff")


@pytest.mark.parametrize("name", ["root", "own", "key", "key_on_host"])
def test_check_mode_predicts_and_a_second_run_changes_nothing(run: Run, run_directory: Path, name: str) -> None:
    results = run.results
    changed = {when: results[f"{name}_{when}"]["changed"] for when in ("check", "run", "check_again", "again") if f"{name}_{when}" in results}
    assert changed == {when: when in ("check", "run") for when in changed} and len(changed) >= 3
    if name != "key":
        made, again = results[f"{name}_run"], results[f"{name}_again"]
        assert made["certificate"] == again["certificate"] and again["differences"] == [] and "diff" not in again
        assert made["facts"]["sha256"] == again["facts"]["sha256"]
        wanted = [f"there is no key in {run_directory}/pki/{name}.key"] * (name != "key_on_host") + ["there is no certificate"]
        assert made["differences"] == wanted
        if f"{name}_check" in results:
            assert results[f"{name}_check"]["differences"] == wanted
            assert results[f"{name}_check"]["facts"]["sha256"] == "(not made in check mode)"
        assert made["diff"]["before"] == "" and f"sha256: {made['facts']['sha256']}\n" in made["diff"]["after"]


def test_a_file_that_holds_a_secret(run: Run, run_directory: Path) -> None:
    changed = {name: run.results[f"secret_{name}"]["changed"] for name in ("check", "run", "check_again", "again", "mended")}
    assert changed == {"check": True, "run": True, "check_again": False, "again": False, "mended": True}
    assert (run_directory / "handed.key").read_bytes() == (run_directory / "key_on_host.key").read_bytes()
    assert stat.S_IMODE((run_directory / "handed.key").stat().st_mode) == 0o600
    assert run.results["secret_nobody"]["msg"] == f"{run_directory}/x can't be given to its owner: getpwnam(): name not found: 'no-such-user'"
    assert run.results["secret_nowhere"]["msg"] == f"{run_directory}/x/y can't be written: No such file or directory."
    assert not (run_directory / "x").exists()


def test_its_content_travels_in_no_file(run: Run, run_directory: Path) -> None:
    """No file with the content of secret_file is copied to the host, while pipelining is off and other modules' arguments are copied."""
    put = [line for line in run.text.splitlines() if "PUT " in line]
    assert [line for line in put if "AnsiballZ_private_key_csr.py" in line]
    assert not [line for line in put if "AnsiballZ_secret_file.py" in line]
    assert run.results["secret_shared"]["changed"]


def test_an_inventory_may_refuse_pipelining(tmp_path: Path) -> None:
    task = {"spire.fleet.secret_file": {"path": str(tmp_path / "file"), "content": "{{ secret }}"}}
    found = play(tmp_path, inventory({**VARIABLES, "ansible_pipelining": False}), {"one": task})
    assert found.results["one"]["changed"]
    assert [line for line in found.text.splitlines() if "PUT " in line and "AnsiballZ_secret_file.py" in line]


def test_what_differs_is_in_the_diff(run: Run, run_directory: Path) -> None:
    renamed = run.results["renamed"]
    assert renamed["differences"] == ["its subject is CN=own,O=Acme, and should be CN=renamed"]
    assert "subject: CN=own,O=Acme\n" in renamed["diff"]["before"] and "subject: CN=renamed\n" in renamed["diff"]["after"]
    assert run.results["key_on_host_run"]["facts"]["is"] == "a CA of any path length"
    assert run.results["forced"]["backup"].startswith(f"{run_directory}/pki/root.key.20") and Path(run.results["forced"]["backup"]).exists()


def test_what_is_refused(run: Run, run_directory: Path) -> None:
    messages = {name: run.results[name]["msg"] for name in ("wrong", "twice", "lonely", "low", "long")}
    assert messages == {
        "wrong": f"The passphrase does not open the key in {run_directory}/pki/root.key, or the file is damaged.",
        "twice": messages["twice"],
        "lonely": messages["lonely"],
        "low": f"CN=root,O=Acme in {run_directory}/pki/root.pem has the path length 2, and 3 CAs come below it; it must be 3 or more.",
        "long": 'lifetime must be a duration such as "8760h": numbers with the units h, m and s.',
    }
    assert "parameters are mutually exclusive: key_path|csr" in messages["twice"]
    assert "issuer_certificate_path, issuer_key_path" in messages["lonely"]


def secrets_of(run_directory: Path) -> list[str]:
    """Returns the passphrase and the private half of every key, each plain and in base64."""
    texts = [run_directory / "key_on_host.key", *(run_directory / "pki").glob("*.key"), *(run_directory / "pki").glob("*.old")]
    found = [PASSPHRASE, base64.b64encode(PASSPHRASE.encode()).decode().rstrip("=")]
    for path in texts:
        if path.suffix == ".old" and ".pem." in path.name:
            continue
        whole = x509_keys.dump(x509_keys.load(path.read_bytes(), PASSPHRASE, str(path)))
        # Only these lines are used. The later ones hold the public half, which is in certificates, too.
        found += [*whole.decode().splitlines()[1:3], base64.b64encode(whole).decode()[90:140]]
    return found


def test_no_secret_is_outside_of_its_file(run: Run, run_directory: Path) -> None:
    """No secret is in Ansible's output, its results or a file that it left, as a search shows; a planted secret proves that the search works."""
    results = (run_directory / "results.json").read_text()
    assert len(run.text) > 10000 and len(results) > 5000
    secrets = secrets_of(run_directory)
    assert len(secrets) > 12
    # The inventory has the passphrase. One key is unencrypted, in the file where it was made and in the file to which secret_file copied it.
    allowed = {run_directory / "inventory.yml": [PASSPHRASE], run_directory / "key_on_host.key": secrets_of_file(run_directory / "key_on_host.key")}
    allowed[run_directory / "handed.key"] = allowed[run_directory / "key_on_host.key"]
    places = {"printed": run.text, "returned": results}
    for path in run_directory.rglob("*"):
        if path.is_file():
            text = path.read_text(errors="replace")
            for secret in allowed.get(path, []):
                assert secret in text
                text = text.replace(secret, "")
            places[str(path)] = text
    assert len(places) > 8
    assert [(secret, place) for secret in secrets for place, text in places.items() if secret in text] == []
    places["planted"] = f"... {secrets[3]} ..."
    assert [(secret, place) for secret in secrets for place, text in places.items() if secret in text] == [(secrets[3], "planted")]


def secrets_of_file(path: Path) -> list[str]:
    return path.read_text().splitlines()[1:-1]


def test_the_upstream_ca_of_a_server(tmp_path: Path) -> None:
    """The module upstream_ca makes nothing in check mode, and requires a signing request for a key that is made on the host."""
    common = {**VARIABLES, "spire_pki": "controller", "spire_pki_dir": str(tmp_path / "pki")}
    listed = inventory(common)
    listed["spire_servers"]["hosts"] = {"a1": {}}
    listed["spire_agents"]["hosts"] = {}
    upstream = {"spire.fleet.upstream_ca": {}}
    found = play(tmp_path, listed, {
        "check": {**upstream, "check_mode": True}, "run": upstream, "again": upstream,
        "host": fact("spire_pki", "host"), "key_on_host": upstream, "key_on_host_check": {**upstream, "check_mode": True},
        "nobody": fact("spire_pki", "none"), "agent": upstream, "controller": fact("spire_pki", "controller"),
        "key": {"ansible.builtin.debug": {"msg": "{{ lookup('spire.fleet.rendered_file', 'server', 'upstream_key') | length }}"}},
    }, "--diff").results
    assert [found[name]["changed"] for name in ("check", "run", "again", "key_on_host_check")] == [True, True, False, False]
    why = [f"root: there is no key in {tmp_path}/pki/prod.acme.com/root.key", "root: there is no certificate"]
    assert found["run"]["differences"][:2] == why
    assert found["check"]["diff"]["before"] == "" and "sha256: (not made in check mode)" in found["check"]["diff"]["after"]
    assert found["check"]["differences"] == found["run"]["differences"]
    assert found["run"]["facts"]["subject"] == "CN=SPIRE upstream CA,OU=a1,O=prod.acme.com"
    assert found["key_on_host"]["msg"] == "a1: the key is made on the host, so csr is required."
    assert found["agent"]["msg"] == "a1: its server has no upstream CA of spire_pki's."
    assert int(found["key"]["msg"]) > 300


@pytest.mark.parametrize("kind", ["x509pop", "sshpop"])
def test_what_a_node_proves_itself_by(tmp_path: Path, kind: str) -> None:
    """The module node_certificate makes the CA and the certificate of a1, which is a server and an agent; in check mode it makes nothing."""
    common = {**VARIABLES, f"spire_{kind}": "controller", "spire_pki_dir": str(tmp_path / "pki")}
    listed = inventory(common)
    listed["spire_servers"]["hosts"] = {"a1": {}}
    listed["spire_agents"]["hosts"] = {"a1": {}}
    node, authority = {"spire.fleet.node_certificate": {}}, {"spire.fleet.node_certificate": {"component": "server"}}
    found = play(tmp_path, listed, {
        "authority_check": {**authority, "check_mode": True}, "authority": authority, "authority_again": authority,
        "check": {**node, "check_mode": True}, "run": node, "again": node,
        "host": fact(f"spire_{kind}", "host"), "key_on_host": node, "key_on_host_check": {**node, "check_mode": True},
        "nobody": fact(f"spire_{kind}", "none"), "none": node, "controller": fact(f"spire_{kind}", "controller"),
        "year": fact(f"spire_{kind}_lifetime", "1y"), "mistake": node, "years": fact(f"spire_{kind}_lifetime", "8760h"),
        "key": {"ansible.builtin.debug": {"msg": "{{ lookup('spire.fleet.rendered_file', 'agent', '" + kind + "_key') | length }}"}},
        "file": {"ansible.builtin.debug": {"msg": "{{ lookup('spire.fleet.rendered_file', 'server', '" + kind + "_authorities') | length }}"}},
    }, "--diff").results
    assert [found[name]["changed"] for name in ("authority_check", "authority", "authority_again", "check", "run", "again", "key_on_host_check")] == [
        True, True, False, True, True, False, False,
    ]
    assert found["authority"]["differences"] == found["authority_check"]["differences"] != []
    assert found["check"]["differences"] == found["run"]["differences"] == [
        f"there is no key in {tmp_path}/pki/prod.acme.com/{kind}/agents/a1/node.key", "there is no certificate",
    ]
    assert found["run"]["certificate"].startswith("-----BEGIN CERTIFICATE" if kind == "x509pop" else "ecdsa-sha2-nistp256-cert-v01@openssh.com ")
    assert "(not made in check mode)" in found["check"]["diff"]["after"]
    assert found["key_on_host"]["msg"] == "a1: the key is made on the host, so csr is required."
    assert found["none"]["msg"] == "a1: its agent has no certificate of spire_x509pop's or spire_sshpop's."
    assert found["mistake"]["msg"].startswith(f"error: spire_{kind}_lifetime: It must be a duration")
    assert int(found["key"]["msg"]) > 200 and int(found["file"]["msg"]) > 100
