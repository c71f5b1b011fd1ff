# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Preflight and the module `ca` report each kind of mistake in user-supplied CAs. The messages are compared as a whole."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.support.authorities import DAY, Made, PASSPHRASE, make, signed_with_sha1, written
from tests.support.playbook_run import Run, inventory, play
from tests.unit.builders.fleets import fleet, mistakes

# Preflight compares with the real time.
NOW = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
YEARS = 3650 * DAY
CLIENT = x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH])
ELSEWHERE = x509.NameConstraints([x509.UniformResourceIdentifier("dev.acme.com")], None)


def authority(name: str, issuer: Made | None = None, **more: Any) -> Made:
    return make(name, issuer, **{"starts": NOW - DAY, "ends": NOW + YEARS, **more})


ROOT = authority("Root")
UPPER = authority("Upper", ROOT)
ACME = authority("Acme", UPPER, path_length=2)
LATE = authority("Late", ROOT, starts=NOW + DAY)
SHORT = authority("Short", ROOT, ends=NOW + DAY / 2)
GONE = authority("Gone", ROOT, ends=NOW - DAY)


@dataclasses.dataclass(frozen=True)
class Bad:
    """A supplied CA and the messages about it, in which {certificate}, {key} and {bundle} are its files."""

    messages: list[str]
    chain: Iterable[Made] = (ACME, UPPER)
    bundle: Iterable[Made] = (ROOT,)
    key: Made | None = None
    passphrase: str = PASSPHRASE
    #: the field of the file with the mistake, if that file can't be read at all
    field: str = ""
    #: other contents of files, by the file's name: None makes no file, and an empty text makes a directory
    texts: dict[str, str | None] = dataclasses.field(default_factory=dict)


ORDER = "Write the CA's own certificate first, and after each the one that issued it."
BAD = {
    "wrong passphrase": Bad(["The passphrase does not open the key in {key}, or the file is damaged."], passphrase="another", field="key"),
    "key of another certificate": Bad([
        "The key in {key} and the first certificate in {certificate} (CN=Acme) don't belong together: their public keys differ."
    ], key=ROOT),
    "expired": Bad([f"CN=Gone in {{certificate}} expired at {NOW - DAY:%Y-%m-%d %H:%M:%S} UTC."], [GONE]),
    "root in the bundle expired": Bad(
        [f"CN=Root in {{bundle}} expired at {NOW - DAY:%Y-%m-%d %H:%M:%S} UTC."],
        bundle=[authority("Root", key=ROOT.key, ends=NOW - DAY)],
    ),
    "not yet valid": Bad([
        f"CN=Late in {{certificate}} is not valid before {NOW + DAY:%Y-%m-%d %H:%M:%S} UTC; is the controller's clock right?"
    ], [LATE]),
    "no CA": Bad([
        "CN=web1 in {certificate} is not the certificate of a CA: its basic constraints don't name it as one."
    ], [authority("web1", ROOT, ca=False)]),
    "path length": Bad([
        "CN=Low in {certificate} has the path length 1, and 2 CAs come below it; it must be 2 or more."
    ], [authority("Low", ROOT, path_length=1)]),
    "path length above": Bad([
        "CN=Upper in {certificate} has the path length 2, and 3 CAs come below it; it must be 3 or more."
    ], [authority("Acme", low := authority("Upper", ROOT, path_length=2)), low]),
    "may not sign": Bad([
        "CN=Acme in {certificate} may not sign certificates: its key usages lack keyCertSign."
    ], [authority("Acme", ROOT, uses=["digital_signature"])]),
    "for clients alone": Bad([
        "CN=Acme in {certificate} has extended key usages without serverAuth, so that SPIRE refuses the chain; leave them out of a CA."
    ], [authority("Acme", ROOT, more=[CLIENT])]),
    "of another trust domain": Bad([
        "CN=Acme in {certificate} does not permit SPIFFE IDs of prod.acme.com: its name constraints are for dev.acme.com."
    ], [authority("Acme", ROOT, more=[ELSEWHERE])]),
    "wrong order": Bad([
        "The key in {key} and the first certificate in {certificate} (CN=Upper) don't belong together: their public keys differ.",
        "CN=Upper in {certificate} was not issued by CN=Acme, which follows it: the chain is in the wrong order. " + ORDER,
    ], [UPPER, ACME], key=ACME),
    "root first": Bad([
        "CN=Root in {certificate} was not issued by CN=Upper, which follows it: the chain is in the wrong order. " + ORDER,
    ], [ROOT, UPPER]),
    "a gap": Bad([
        "{bundle} does not have the root of {certificate}: none of its certificates issued CN=Acme."
    ], [ACME]),
    "bundle without the root": Bad(["{bundle} has no root: none of its certificates is self-signed."], bundle=[UPPER]),
    "bundle of another": Bad([
        "{bundle} does not have the root of {certificate}: none of its certificates issued CN=Upper."
    ], bundle=[authority("Other")]),
    "small key": Bad([
        "The key of CN=Acme in {certificate} is rsa-1024: RSA keys of a CA have 2048 bits or more."
    ], [authority("Acme", ROOT, key=rsa.generate_private_key(public_exponent=65537, key_size=1024))]),
    "key of a strange curve": Bad([
        "The key of CN=Acme in {certificate} is secp256k1; SPIRE can use ec-p256, ec-p384, ec-p521, rsa-2048, rsa-3072, rsa-4096."
    ], [authority("Acme", ROOT, key=ec.generate_private_key(ec.SECP256K1()))]),
    "no certificate": Bad(["{certificate} can't be read: there is no such file."], field="certificate", texts={"certificate": None}),
    "no bundle": Bad(["{bundle} can't be read: there is no such file."], field="bundle", texts={"bundle": None}),
    "unreadable certificate": Bad(["{certificate} can't be read: Is a directory."], field="certificate", texts={"certificate": ""}),
    "unreadable key": Bad(["{key} can't be read: Is a directory."], field="key", texts={"key": ""}),
    "a key where the certificate should be": Bad(["{certificate} holds no certificate in PEM."], field="certificate", texts={"certificate": ACME.key_pem()}),
    "a certificate where the key should be": Bad(["{key} holds no private key in PEM."], field="key", texts={"key": ACME.pem}),
    "a damaged certificate": Bad([
        "A certificate in {certificate} can't be read: its PEM is damaged."
    ], field="certificate", texts={"certificate": ACME.pem.replace("MII", "MIX", 1)}),
    "a damaged key": Bad([
        "The key in {key} can't be read: its PEM is damaged."
    ], field="key", texts={"key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"}),
}


def laid_out(directory: Path, bad: Bad) -> dict[str, str]:
    """Writes the files; returns their paths by name."""
    chain = list(bad.chain)
    texts: dict[str, str | None] = {
        "certificate": "".join(one.pem for one in chain), "key": (bad.key or chain[0]).key_pem(PASSPHRASE),
        "bundle": "".join(one.pem for one in bad.bundle), **bad.texts,
    }
    directory.mkdir(exist_ok=True)
    for name, text in texts.items():
        if text == "":
            (directory / name).mkdir()
    written(directory, **{name: text for name, text in texts.items() if text})
    return {name: str(directory / name) for name in texts}


def preflight(files: dict[str, str], passphrase: str = PASSPHRASE, **more: Any) -> list[str]:
    common = {"spire_pki": "host", "spire_pki_dir": "/nowhere", "spire_pki_passphrase": passphrase, "spire_pki_issuer": files, **more}
    return mistakes(fleet(common)).splitlines()


@pytest.mark.parametrize("name", BAD)
def test_preflight_reports_a_user_supplied_ca_that_is_invalid(tmp_path: Path, name: str) -> None:
    files = laid_out(tmp_path, BAD[name])
    path = f"spire_pki_issuer.{BAD[name].field}".rstrip(".")
    expected = [f"error: {path}: {text.format(**files)} [s1]" for text in BAD[name].messages]
    assert preflight(files, BAD[name].passphrase) == sorted(expected)


@pytest.mark.parametrize("gone", [("key", "bundle"), ("certificate", "key"), ("certificate", "key", "bundle")])
def test_preflight_names_each_file_that_is_missing(tmp_path: Path, gone: tuple[str, ...]) -> None:
    files = laid_out(tmp_path, Bad([], texts=dict.fromkeys(gone)))
    assert preflight(files) == [f"error: spire_pki_issuer.{name}: {files[name]} can't be read: there is no such file. [s1]" for name in sorted(gone)]


def test_preflight_names_each_invalid_file(tmp_path: Path) -> None:
    files = laid_out(tmp_path, Bad([], texts={"certificate": "x", "bundle": "x", "key": "x"}))
    assert preflight(files) == [
        f"error: spire_pki_issuer.bundle: {files['bundle']} holds no certificate in PEM. [s1]",
        f"error: spire_pki_issuer.certificate: {files['certificate']} holds no certificate in PEM. [s1]",
        f"error: spire_pki_issuer.key: {files['key']} holds no private key in PEM. [s1]",
    ]


def test_the_ca_key_may_be_missing_once_every_server_has_its_intermediate(tmp_path: Path) -> None:
    files = laid_out(tmp_path, Bad([], texts={"key": None}))
    assert preflight(files, spire_pki_dir=str(tmp_path)) == [
        f"warning: spire_pki_issuer.key: The file {files['key']} does not exist, but its key must sign the first intermediate CA of a server. "
        "Restore the file for this run. [s1]"
    ]
    own = tmp_path / "prod.acme.com" / "servers" / "s1" / "upstream.pem"
    own.parent.mkdir(parents=True)
    own.write_text(ACME.pem)
    assert preflight(files, spire_pki_dir=str(tmp_path)) == []


def test_a_good_one_and_what_becomes_bad_soon(tmp_path: Path) -> None:
    assert preflight(laid_out(tmp_path, Bad([]))) == []
    ends = NOW + 90 * DAY
    soon = laid_out(tmp_path, Bad([], [authority("Soon", ROOT, ends=ends + DAY / 2)]))
    assert preflight(soon) == [
        f"warning: spire_pki_issuer: CN=Soon in {tmp_path}/certificate is about to expire: it ends at {ends + DAY / 2:%Y-%m-%d %H:%M:%S} UTC, "
        "in 90 days, and must live longer than 365 days. [s1]"
    ]
    # The CA expires before ca_ttl is over, so SPIRE's own CA expires with it.
    now = laid_out(tmp_path, Bad([], [SHORT]))
    found = preflight(now)
    assert len(found) == 2 and (
        f"warning: spire_pki_issuer: CN=Short in {tmp_path}/certificate expires at {NOW + DAY / 2:%Y-%m-%d %H:%M:%S} UTC, in 11 hours, but "
        "server.ca_ttl is 24h. Everything that SPIRE signs from now on expires at that time too. Replace the CA now, with "
        "spire.fleet.rotate_upstream. [s1]"
    ) in found


def test_a_user_supplied_key_with_insecure_permissions(tmp_path: Path) -> None:
    files = laid_out(tmp_path, Bad([], texts={"key": ACME.key_pem()}))
    (tmp_path / "key").chmod(0o644)
    rest = (
        "Anyone who can read the key can issue certificates for this fleet. Encrypt it (openssl pkcs8 -topk8, or ssh-keygen -p for a key of "
        "OpenSSH), and set its mode to 0600. [s1]"
    )
    assert preflight(files) == [
        f"warning: spire_pki_issuer: {tmp_path}/key has the mode 0644, and should have 0600. {rest}",
        f"warning: spire_pki_issuer: {tmp_path}/key is not encrypted. {rest}",
    ]


def test_a_certificate_that_is_signed_with_sha1_is_refused(tmp_path: Path) -> None:
    files = laid_out(tmp_path, Bad([], [signed_with_sha1(tmp_path, ACME, ROOT)]))
    assert preflight(files) == [
        f"error: spire_pki_issuer: CN=Acme in {tmp_path}/certificate is signed with SHA1, which SPIRE refuses. Have it issued again, "
        "signed with SHA-256. [s1]"
    ]


def test_a_plugin_that_is_another_file(tmp_path: Path) -> None:
    program = tmp_path / "vaulted"
    program.write_bytes(b"#!/bin/sh\n")
    plugins = {"vaulted": {"type": "UpstreamAuthority", "src": str(program), "sha256": "1" * 64}}
    tree = {"plugins": {"UpstreamAuthority": {"vaulted": {"plugin_data": {}}}}}
    found = mistakes(fleet({"spire_plugins": plugins, "spire_server_config": tree}))
    assert found == (
        f"error: spire_plugins.vaulted.src: The file {program} on the controller has the SHA-256 checksum "
        f"{hashlib.sha256(program.read_bytes()).hexdigest()}, but the plugin vaulted should have {'1' * 64}. Replace the file, or correct the "
        "checksum. [s1]"
    )


#: the case that only preflight refuses: the module `ca` does not know the trust domain of the CAs below
NOT_OF_CA = "of another trust domain"


@pytest.fixture(scope="module")
def run_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bad")


@pytest.fixture(scope="module")
def run(run_directory: Path) -> Run:
    """Runs the module `ca` once for each supplied CA, to issue a certificate."""
    tasks: dict[str, Any] = {}
    for number, (name, bad) in enumerate(BAD.items()):
        files = laid_out(run_directory / name.replace(" ", "_"), bad)
        tasks[f"task{number}"] = {"spire.fleet.ca": {
            "certificate_path": str(run_directory / "own.pem"), "key_path": str(run_directory / "own.key"), "passphrase": PASSPHRASE, "subject": "CN=own",
            "lifetime": "8760h", "path_length": 1, "issuer_certificate_path": files["certificate"], "issuer_key_path": files["key"],
            "issuer_bundle_path": files["bundle"], "issuer_passphrase": bad.passphrase,
        }}
    return play(run_directory, inventory({}), tasks)


@pytest.mark.parametrize("name", [name for name in BAD if name != NOT_OF_CA])
def test_the_module_ca_reports_an_invalid_issuer(run: Run, run_directory: Path, name: str) -> None:
    result = run.results[f"task{list(BAD).index(name)}"]
    files = {file: run_directory / name.replace(" ", "_") / file for file in ("certificate", "key", "bundle")}
    assert result["failed"] and result["msg"].splitlines() == [text.format(**files) for text in BAD[name].messages]


def test_an_invalid_ca_issues_nothing(run: Run) -> None:
    assert [name for name, result in run.results.items() if result.get("changed")] == [f"task{list(BAD).index(NOT_OF_CA)}"]
