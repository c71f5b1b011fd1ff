# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates on the controller are made as requested, and kept while they fulfil the request."""

from __future__ import annotations

import dataclasses
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import ensure as x509_ensure, issue as x509_issue, keys as x509_keys
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.ensure import Issuer, Outcome, Run
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.store import KeyAndCertificateFiles
from tests.support.authorities import DAY, NOW, PASSPHRASE, make
from tests.support.errors import error_of
from tests.unit.builders.certificates import OWN, ROOT, contents, issuer_in, keep, key_files

CSR = """openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:{curve} -nodes -keyout {key} -subj /CN=x -config /dev/null"""


@pytest.mark.parametrize("key_type", x509_keys.KEY_TYPES)
def test_what_openssl_reads_in_a_root(tmp_path: Path, key_type: str) -> None:
    keep(tmp_path, request=dataclasses.replace(ROOT, key_type=key_type, uri_domains=("prod.acme.com",)))
    text = subprocess.run(
        ["openssl", "x509", "-in", "root.pem", "-noout", "-text"], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    family, bits = key_type.split("-")
    assert f"Public-Key: ({bits.removeprefix('p')} bit)" in text
    assert ("rsaEncryption" if family == "rsa" else "id-ecPublicKey") in text
    for wanted in (
        r"Subject: C = US, O = Acme, CN = Root", r"Not Before: Jan  1 23:55:00 2030", r"Not After : Dec 31 00:00:00 2039",
        r"Basic Constraints: critical\s+CA:TRUE, pathlen:2", r"Key Usage: critical\s+Certificate Sign, CRL Sign\n",
        r"Name Constraints: critical\s+Permitted:\s+URI:prod\.acme\.com", r"X509v3 Subject Key Identifier", r"X509v3 Authority Key Identifier",
    ):
        assert re.search(wanted, text), wanted
    assert "Extended Key Usage" not in text
    signed = {"ec-p256": "ecdsa-with-SHA256", "ec-p384": "ecdsa-with-SHA384", "ec-p521": "ecdsa-with-SHA512"}
    assert f"Signature Algorithm: {signed.get(key_type, 'sha256WithRSAEncryption')}\n" in text


def test_check_run_check_run(tmp_path: Path) -> None:
    """Check mode reports what a run does and does nothing; the second run has nothing to do."""
    why = [f"there is no key in {tmp_path}/root.key", "there is no certificate"]
    checked = keep(tmp_path, check=True)
    assert (checked.changed, checked.differences, checked.before, checked.certificates) == (True, why, {}, [])
    assert checked.after == {
        "subject": "CN=Root,O=Acme,C=US", "issuer": "CN=Root,O=Acme,C=US", "key": "ec-p384", "is": "a CA of path length 2",
        "usages": "keyCertSign, cRLSign", "permits": "any name", "names": "none", "not before": "2030-01-01", "not after": "2039-12-31",
        "sha256": "(not made in check mode)",
    }
    assert contents(tmp_path) == {}
    run = keep(tmp_path)
    assert (run.changed, run.differences, run.before) == (True, why, {})
    # Check mode has predicted these facts, with times to the day.
    assert {name: value[:10] for name, value in run.after.items() if name != "sha256"} == {
        name: value[:10] for name, value in checked.after.items() if name != "sha256"
    }
    made = contents(tmp_path)
    assert list(made) == ["root.key", "root.pem"]
    for again in (keep(tmp_path, check=True), keep(tmp_path)):
        assert (again.changed, again.differences, again.before) == (False, [], again.after) and again.after == run.after
    assert contents(tmp_path) == made


def test_modes_and_formats_of_files(tmp_path: Path) -> None:
    keep(tmp_path / "a" / "b")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [tmp_path / "a", *(tmp_path / "a").rglob("*")]}
    assert modes == {"a": 0o700, "b": 0o700, "root.key": 0o600, "root.pem": 0o644}
    text = (tmp_path / "a" / "b" / "root.key").read_text()
    assert text.startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    (tmp_path / "a" / "b" / "root.key").chmod(0o640)
    mended = keep(tmp_path / "a" / "b")
    assert mended.differences == [f"{tmp_path}/a/b/root.key has the mode 0640, and should have 0600"]
    assert stat.S_IMODE((tmp_path / "a" / "b" / "root.key").stat().st_mode) == 0o600
    # an unencrypted key is encrypted and stays the same key
    key_files, known = KeyAndCertificateFiles(str(tmp_path / "a/b/root.pem"), str(tmp_path / "a/b/root.key")), contents(tmp_path / "a" / "b")["root.pem"]
    Path(key_files.key).write_bytes(x509_keys.dump(key_files.load_key(PASSPHRASE)))
    check_result = keep(tmp_path / "a" / "b", check=True)
    assert check_result.differences == [f"{key_files.key} is not encrypted"] and not Path(key_files.key).read_text().startswith(text[:30])
    assert keep(tmp_path / "a" / "b").differences == check_result.differences and Path(key_files.key).read_text().startswith(text[:30])
    assert contents(tmp_path / "a" / "b")["root.pem"] == known and keep(tmp_path / "a" / "b").differences == []


# changes of the request after a first run with OWN, and the reasons for a new certificate
CHANGES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "subject": ({"subject": "CN=Two,O=Acme"}, ["its subject is CN=One,O=Acme, and should be CN=Two,O=Acme"]),
    "path length": ({"path_length": 2}, ["it is a CA of path length 1, and should be a CA of path length 2"]),
    "any path length": ({"path_length": None}, ["it is a CA of path length 1, and should be a CA of any path length"]),
    "no CA": ({"ca": False}, [
        "it is a CA of path length 1, and should be no CA",
        "its key may be used for keyCertSign, cRLSign, and should be for digitalSignature", "its extended key usages differ",
    ]),
    "constraints": ({"uri_domains": ("prod.acme.com",)}, ["it permits any name, and should permit prod.acme.com"]),
    "names": ({"uris": ("spiffe://acme.com/a",)}, ["its names are none, and should be spiffe://acme.com/a"]),
    "shorter life": ({"lifetime": 100 * DAY}, ["it lives 365 days, and should live 100 days"]),
    "a little shorter life": ({"lifetime": 300 * DAY}, ["it lives 365 days, and should live 300 days"]),
    "longer life": ({"lifetime": 500 * DAY}, []),
    "any type of key": ({"key_type": ""}, []),
    "another encoding of the same": ({"subject": "CN=One,O=\\41cme"}, []),
}


@pytest.mark.parametrize("name", CHANGES)
def test_differences_are_described(tmp_path: Path, name: str) -> None:
    issuer = issuer_in(tmp_path)
    keep(tmp_path, "own", OWN, issuer)
    before = contents(tmp_path)
    changes, why = CHANGES[name]
    found = keep(tmp_path, "own", dataclasses.replace(OWN, **changes), issuer)
    assert found.differences == why
    # the key never changes
    differ = {file for file, content in contents(tmp_path).items() if content != before[file]}
    assert differ == ({"own.pem"} if why else set())
    assert keep(tmp_path, "own", dataclasses.replace(OWN, **changes), issuer).changed is False


def test_a_constraint_that_is_no_longer_requested(tmp_path: Path) -> None:
    keep(tmp_path, request=dataclasses.replace(ROOT, uri_domains=("a.com",)))
    assert keep(tmp_path).differences == ["it constrains names, and should not"]


@pytest.mark.parametrize(("days", "why"), [
    (304, []),
    (305, ["it expires at 2031-01-02 00:00:00 UTC, and its renewal is due 60 days before that"]),
    (365, ["it expired at 2031-01-02 00:00:00 UTC"]),
    (-1, ["it is not valid before 2030-01-01 23:55:00 UTC"]),
])
def test_it_is_renewed_inside_its_window(tmp_path: Path, days: int, why: list[str]) -> None:
    issuer = issuer_in(tmp_path)
    first = keep(tmp_path, "own", OWN, issuer)
    key = (tmp_path / "own.key").read_bytes()
    found = keep(tmp_path, "own", OWN, issuer, now=NOW + days * DAY)
    assert found.differences == why
    assert (found.certificates == first.certificates) is not bool(why)
    assert (tmp_path / "own.key").read_bytes() == key


def test_a_certificate_ends_with_its_issuer_and_is_not_renewed_for_nothing(tmp_path: Path) -> None:
    issuer = issuer_in(tmp_path)
    late = NOW + 3500 * DAY
    made = keep(tmp_path, "own", OWN, issuer, now=late)
    assert made.after["not after"] == "2039-12-31 00:00:00 UTC" == x509_issue.facts(issuer.certificate)["not after"]
    # renewal is due, but a new one would not live longer
    assert keep(tmp_path, "own", OWN, issuer, now=late + 100 * DAY).differences == []
    with pytest.raises(X509Error, match=re.escape(
        f"CN=Root,O=Acme,C=US in {tmp_path}/root.pem is about to expire, in 50 days, and what it signs must live longer than 60 days. "
        "Replace it first."
    )):
        keep(tmp_path, "new", OWN, issuer, now=late + 100 * DAY)
    with pytest.raises(X509Error, match=re.escape(f"CN=Root,O=Acme,C=US in {tmp_path}/root.pem has expired, and what it signs")):
        keep(tmp_path, "new", OWN, issuer, now=late + 151 * DAY)


def test_a_certificate_does_not_begin_before_its_issuer(tmp_path: Path) -> None:
    issuer = issuer_in(tmp_path)
    made = keep(tmp_path, "own", dataclasses.replace(OWN, backdate=DAY), issuer)
    assert made.after["not before"] == x509_issue.facts(issuer.certificate)["not before"] == "2030-01-01 23:55:00 UTC"
    assert keep(tmp_path, "late", OWN, issuer, now=NOW + DAY).after["not before"] == "2030-01-02 23:55:00 UTC"


def test_the_chain_has_all_but_the_root(tmp_path: Path) -> None:
    """A chain with different intermediates is repaired without a new certificate."""
    root = make("Root")
    policy = make("Policy", root)
    corporate = make("Corporate", policy)
    (tmp_path / "corporate.key").write_text(corporate.key_pem(PASSPHRASE))

    def below(*certificates: Any) -> Outcome:
        issuer = Issuer(key_files(tmp_path, "corporate"), PASSPHRASE, [one.certificate for one in certificates], [root.certificate])
        return keep(tmp_path, "own", OWN, issuer)

    first = below(corporate, policy, root)
    assert first.certificates[1:] == [corporate.certificate, policy.certificate]
    assert below(corporate, policy).changed is False
    found = below(corporate)
    assert found.differences == ["the certificates above it are other ones"]
    assert found.certificates == [first.certificates[0], corporate.certificate]
    assert key_files(tmp_path, "own").certificates() == found.certificates and below(corporate).changed is False


def test_a_new_root_signs_new_intermediates(tmp_path: Path) -> None:
    keep(tmp_path, "own", OWN, issuer_in(tmp_path))
    root = keep(tmp_path, force=True)
    issuer = Issuer(key_files(tmp_path, "root"), PASSPHRASE, root.certificates, root.certificates)
    named = root.after["sha256"][:16]
    assert keep(tmp_path, "own", OWN, issuer).differences == [f"it was not issued by CN=Root,O=Acme,C=US ({named}...)"]


def csr_of(directory: Path, curve: str = "P-256") -> str:
    argv = CSR.format(curve=curve, key=directory / "own.key").split()
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def test_only_the_key_of_a_signing_request_is_used(tmp_path: Path) -> None:
    issuer, own = issuer_in(tmp_path), KeyAndCertificateFiles(str(tmp_path / "own.pem"))
    csr = csr_of(tmp_path)
    made = x509_ensure.sign(own, OWN, csr, issuer, Run(NOW))
    # only the key of the request is used
    assert (made.changed, made.after["subject"], made.after["is"]) == (True, "CN=One,O=Acme", "a CA of path length 1")
    assert x509_ensure.sign(own, OWN, csr, issuer, Run(NOW)).changed is False
    assert x509_ensure.sign(own, OWN, csr_of(tmp_path), issuer, Run(NOW)).differences == ["it is for another key"]
    # a character in the middle of the signature
    start = csr.index("-----END") - 20
    other = "A" if csr[start] != "A" else "B"
    for bad, message in {
        csr[:start] + other + csr[start + 1:]: "The signature of the signing request is wrong: its sender does not have the key, or it was "
        "damaged.",
        "nothing": "The signing request is no certificate signing request in PEM, or it is damaged.",
        csr[:90] + other + csr[91:]: "The signing request is no certificate signing request in PEM, or it is damaged.",
        csr_of(tmp_path, "P-384"): "The key of the signing request is ec-p384, and should be ec-p256.",
        csr_of(tmp_path, "secp224r1"): "The key of the signing request is secp224r1; SPIRE can use ec-p256, ec-p384, ec-p521, rsa-2048, "
        "rsa-3072, rsa-4096.",
    }.items():
        assert error_of(X509Error, x509_ensure.sign, own, OWN, bad, issuer, Run(NOW)) == message


@pytest.mark.parametrize(("changes", "message"), [
    ({"subject": "nonsense"}, 'The subject "nonsense" can\'t be read: write it as in "CN=Root CA,O=Acme,C=US".'),
    ({"subject": "CN=<the root>"}, 'The subject "CN=<the root>" can\'t be read: in a value, write a backslash before the character <, as in CN=Acme\\<.'),
    ({"subject": "CN=a\\<b>,O=x"}, 'The subject "CN=a\\<b>,O=x" can\'t be read: in a value, write a backslash before the character >, as in CN=Acme\\>.'),
    ({"subject": f"CN={'x' * 65}"}, f'The subject "CN={"x" * 65}" can\'t be used: a common name (CN) has one to 64 bytes, and a country (C) '
                                    "two letters."),
    ({"subject": ""}, 'The subject is empty: write one as in "CN=Root CA,O=Acme,C=US".'),
    ({"key_type": "rsa-1024"}, "rsa-1024 is not a type of key; use ec-p256, ec-p384, ec-p521, rsa-2048, rsa-3072, rsa-4096."),
    ({"lifetime": 0 * DAY}, "The lifetime must be longer than zero."),
    ({"lifetime": 60 * DAY}, "It would be renewed 60 days before it expires, but it lives only 60 days, so every run would renew it. "
                             "Set a longer lifetime, or renew it later."),
])
def test_requests_that_can_not_be_fulfilled(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    assert error_of(X509Error, keep, tmp_path, request=dataclasses.replace(OWN, **changes)) == message and contents(tmp_path) == {}
