# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The check of a user's own CA finds each possible mistake and has a message for it."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import ca_check, keys as x509_keys, store as x509_store
from tests.support.authorities import DAY, Made, NOW, make, signed_with_sha1
from tests.support.errors import error_of

ROOT = make("Root")
POLICY = make("Policy", ROOT, path_length=3)
ISSUER = make("Issuer", POLICY, path_length=2)
OTHER = make("Other")
SECTION = x509.oid.ExtendedKeyUsageOID


def messages(
    *chain: Made, bundle: tuple[Made, ...] = (ROOT,), key: Any = None, domain: str = "prod.acme.com",
    window: datetime.timedelta = datetime.timedelta(0),
) -> list[str]:
    authority = ca_check.Authority(
        [one.certificate for one in chain], [one.certificate for one in bundle], "ca.pem", "root.pem", "ca.key", key
    )
    return ca_check.check(authority, 2, domain, NOW, window)


@pytest.mark.parametrize("chain", [(ISSUER, POLICY), (ISSUER, POLICY, ROOT), (ROOT,)])
def test_a_valid_ca_has_no_problems(chain: tuple[Made, ...]) -> None:
    assert messages(*chain, key=chain[0].key) == []
    assert messages(*chain, key=chain[0].key.public_key(), bundle=(OTHER, ROOT)) == []


def below(**changes: Any) -> Made:
    return make("Bad", ROOT, **changes)


def constrained(*permitted: str, excluded: tuple[str, ...] = ()) -> Made:
    uri = x509.UniformResourceIdentifier
    return below(more=[x509.NameConstraints([uri(one) for one in permitted] or None, [uri(one) for one in excluded] or None)])


BAD: dict[str, tuple[Callable[[], list[str]], list[str]]] = {
    "another key": (
        lambda: messages(ROOT, key=OTHER.key),
        ["The key in ca.key and the first certificate in ca.pem (CN=Root) don't belong together: their public keys differ."],
    ),
    "expired": (lambda: messages(below(ends=NOW)), ["CN=Bad in ca.pem expired at 2030-01-02 00:00:00 UTC."]),
    "not yet valid": (
        lambda: messages(below(starts=NOW + DAY)),
        ["CN=Bad in ca.pem is not valid before 2030-01-03 00:00:00 UTC; is the controller's clock right?"],
    ),
    "about to expire": (
        lambda: messages(below(ends=NOW + 5 * DAY), window=5 * DAY),
        ["CN=Bad in ca.pem is about to expire: it ends at 2030-01-07 00:00:00 UTC, in 5 days, and must live longer than 5 days."],
    ),
    "no CA": (
        lambda: messages(below(ca=False)), ["CN=Bad in ca.pem is not the certificate of a CA: its basic constraints don't name it as one."],
    ),
    "path length": (
        lambda: messages(below(path_length=1)),
        ["CN=Bad in ca.pem has the path length 1, and 2 CAs come below it; it must be 2 or more."],
    ),
    "path length above": (
        lambda: messages(make("Low", short := make("Short", ROOT, path_length=2)), short),
        ["CN=Short in ca.pem has the path length 2, and 3 CAs come below it; it must be 3 or more."],
    ),
    "key usage": (
        lambda: messages(below(uses=["digital_signature"])), ["CN=Bad in ca.pem may not sign certificates: its key usages lack keyCertSign."],
    ),
    "extended key usage": (
        lambda: messages(below(more=[x509.ExtendedKeyUsage([SECTION.CLIENT_AUTH])])),
        ["CN=Bad in ca.pem has extended key usages without serverAuth, so that SPIRE refuses the chain; leave them out of a CA."],
    ),
    "constraints": (
        lambda: messages(constrained("dev.acme.com", ".acme.org")),
        ["CN=Bad in ca.pem does not permit SPIFFE IDs of prod.acme.com: its name constraints are for dev.acme.com, .acme.org."],
    ),
    "excluded": (
        lambda: messages(constrained(excluded=("prod.acme.com",))),
        ["CN=Bad in ca.pem does not permit SPIFFE IDs of prod.acme.com: its name constraints are for any name."],
    ),
    "order": (
        lambda: messages(POLICY, ISSUER),
        ["CN=Policy in ca.pem was not issued by CN=Issuer, which follows it: the chain is in the wrong order. Write the CA's own certificate "
         "first, and after each the one that issued it."],
    ),
    "a gap": (
        lambda: messages(make("Low", make("Gone", POLICY)), POLICY),
        ["CN=Low in ca.pem was not issued by CN=Policy, which follows it: a certificate between them is missing. Write the CA's own certificate "
         "first, and after each the one that issued it."],
    ),
    "bundle of another": (
        lambda: messages(ISSUER, POLICY, bundle=(OTHER,)),
        ["root.pem does not have the root of ca.pem: none of its certificates issued CN=Policy."],
    ),
    "bundle with what issued it, and another root": (
        lambda: messages(ISSUER, bundle=(POLICY, OTHER)),
        ["root.pem does not have the root of ca.pem: none of its certificates issued CN=Issuer."],
    ),
    "constraints of a longer name": (
        lambda: messages(constrained(".acme.com"), domain="prodacme.com"),
        ["CN=Bad in ca.pem does not permit SPIFFE IDs of prodacme.com: its name constraints are for .acme.com."],
    ),
    "bundle without a root": (
        lambda: messages(ISSUER, POLICY, bundle=(make("Middle", OTHER),)),
        ["root.pem has no root: none of its certificates is self-signed."],
    ),
    "root in the bundle about to expire": (
        lambda: messages(make("Low", old := make("Old", ends=NOW + DAY)), bundle=(old,), window=DAY),
        ["CN=Old in root.pem is about to expire: it ends at 2030-01-03 00:00:00 UTC, in 24 hours, and must live longer than 24 hours."],
    ),
    "small key": (
        lambda: messages(below(key=rsa.generate_private_key(public_exponent=65537, key_size=1024))),
        ["The key of CN=Bad in ca.pem is rsa-1024: RSA keys of a CA have 2048 bits or more."],
    ),
    "strange curve": (
        lambda: messages(below(key=ec.generate_private_key(ec.SECP256K1()))),
        ["The key of CN=Bad in ca.pem is secp256k1; SPIRE can use ec-p256, ec-p384, ec-p521, rsa-2048, rsa-3072, rsa-4096."],
    ),
    "several": (
        lambda: messages(below(ends=NOW, path_length=0), key=OTHER.key),
        ["The key in ca.key and the first certificate in ca.pem (CN=Bad) don't belong together: their public keys differ.",
         "CN=Bad in ca.pem expired at 2030-01-02 00:00:00 UTC.",
         "CN=Bad in ca.pem has the path length 0, and 2 CAs come below it; it must be 2 or more."],
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_each_mistake_has_its_message(name: str) -> None:
    found, words = BAD[name]
    assert found() == words


def test_signatures_with_sha1(tmp_path: Path) -> None:
    """Signatures with SHA-1 are refused as in Go, except a root's signature of itself, which old company roots have."""
    old = signed_with_sha1(tmp_path, ROOT, ROOT)
    assert messages(ISSUER, POLICY, bundle=(old,)) == messages(ISSUER, POLICY, old, bundle=(old,)) == []
    weak = signed_with_sha1(tmp_path, POLICY, ROOT)
    assert messages(ISSUER, weak) == [
        "CN=Policy in ca.pem is signed with SHA1, which SPIRE refuses. Have it issued again, signed with SHA-256."
    ]


def test_keys_of_parent_cas_must_be_long_enough() -> None:
    root = make("Root", key=rsa.generate_private_key(public_exponent=65537, key_size=1024))
    assert messages(make("Own", root), bundle=(root,)) == ["The key of CN=Root in root.pem is rsa-1024: RSA keys of a CA have 2048 bits or more."]
    other = make("Root", key=ec.generate_private_key(ec.SECP224R1()))
    assert messages(make("Own", other), bundle=(other,)) == []


def test_constraints_that_cover_the_trust_domain() -> None:
    for good in (constrained("prod.acme.com"), constrained(".acme.com"), constrained("x.org", "prod.acme.com"), constrained(excluded=("x.org",))):
        assert messages(good) == []


def test_a_type_of_key_that_can_not_be_used() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    assert x509_keys.key_type_problem(key, "It") == "It is ed25519; SPIRE can use ec-p256, ec-p384, ec-p521, rsa-2048, rsa-3072, rsa-4096."
    assert x509_keys.key_type_problem(rsa.generate_private_key(public_exponent=65537, key_size=2560), "It") == ""


CHAIN = [make("C0", None)]
for depth in range(3):
    CHAIN.insert(0, make(f"C{depth + 1}", CHAIN[0]))


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(4)))
def test_only_one_order_is_right(order: list[int]) -> None:
    """Every other order of a complete chain is reported as a wrong order."""
    found = messages(*(CHAIN[index] for index in order), bundle=(CHAIN[-1],))
    if order == [0, 1, 2, 3]:
        assert found == []
    else:
        assert any("the chain is in the wrong order" in message for message in found)


@pytest.mark.parametrize("key_type", x509_keys.KEY_TYPES)
def test_the_file_of_a_key_contains_its_public_key(key_type: str) -> None:
    """The probe on a host compares these bytes, so that nothing of the key is returned."""
    key = x509_keys.generate(key_type)
    der = x509_keys.dump(key)
    public = x509_keys.public_key_bytes(key.public_key())
    assert public in base64.b64decode(b"".join(der.splitlines()[1:-1]))


def test_files_that_can_not_be_read(tmp_path: Path) -> None:
    assert error_of(x509_keys.X509Error, x509_store.must_read, str(tmp_path / "none.pem")) == f"{tmp_path}/none.pem can't be read: there is no such file."
