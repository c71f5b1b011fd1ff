# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The drift check and SPIRE agree on the files of the plugin disk: each mistake is found, and none that SPIRE accepts is reported."""

from __future__ import annotations

import dataclasses
import datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from ansible_collections.spire.fleet.plugins.plugin_utils.drift import supplied_ca
from tests.support.authorities import Made, make, signed_with_sha1, written
from tests.support.real_spire import RealServer, TRUST_DOMAIN
from tests.unit.builders.fleets import planned

NOW = datetime.datetime.now(datetime.timezone.utc)
DAY = datetime.timedelta(days=1)
CLIENT = x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH])
DOMAINS = x509.NameConstraints([x509.UniformResourceIdentifier("elsewhere.org")], None)


def authority(name: str, issuer: Made | None = None, **more: Any) -> Made:
    return make(name, issuer, **{"starts": NOW - DAY, "ends": NOW + 100 * DAY, **more})


def rsa_key(size: int) -> Any:
    return rsa.generate_private_key(public_exponent=65537, key_size=size)


ROOT = authority("Root")
UPPER = authority("Upper", ROOT)
LOWER = authority("Lower", UPPER)


@dataclasses.dataclass(frozen=True)
class Case:
    """The files of a CA, whether the drift check refuses them, and whether SPIRE does."""

    chain: list[Made]
    bundle: list[Made] | None
    ours: bool
    spires: bool


def case(made: Made | list[Made], bundle: list[Made] | None = None, ours: bool = True, spires: bool = True) -> Case:
    return Case(made if isinstance(made, list) else [made], [ROOT] if bundle is None else bundle, ours, spires)


CASES = {
    "a good one": case(UPPER, ours=False, spires=False),
    "two": case([LOWER, UPPER], ours=False, spires=False),
    "with its root": case([LOWER, UPPER, ROOT], ours=False, spires=False),
    "self-signed alone": Case([ROOT], None, False, False),
    "an old root and a new one": case(UPPER, [authority("Old", ends=NOW - DAY / 2), ROOT], ours=False, spires=False),
    "p521": case(authority("Own", ROOT, key=ec.generate_private_key(ec.SECP521R1())), ours=False, spires=False),
    "rsa-8192": case(authority("Own", ROOT, key=rsa_key(8192)), ours=False, spires=False),
    "expired": case(authority("Own", ROOT, ends=NOW - DAY / 2)),
    "not yet valid": case(authority("Own", ROOT, starts=NOW + DAY)),
    "under an expired root": case(UPPER, [authority("Root", key=ROOT.key, ends=NOW - DAY / 2)]),
    "no CA": case(authority("Own", ROOT, ca=False)),
    "path length": case(authority("Own", ROOT, path_length=0)),
    "path length of the root": case(UPPER, [authority("Root", key=ROOT.key, path_length=0)]),
    "wrong order": case([UPPER, LOWER]),
    "a gap": case(LOWER),
    "bundle of another": case(UPPER, [authority("Other")]),
    "two without a bundle": Case([LOWER, UPPER], None, True, True),
    "no signing": case(authority("Own", ROOT, uses=["digital_signature"])),
    "for clients alone": case(authority("Own", ROOT, more=[CLIENT])),
    "of another trust domain": case(authority("Own", ROOT, more=[DOMAINS])),
    "ed25519": case(authority("Own", ROOT, key=ed25519.Ed25519PrivateKey.generate())),
    "another curve": case(authority("Own", ROOT, key=ec.generate_private_key(ec.SECP256K1()))),
    # SPIRE accepts these, and a fleet should not: the key is weak, or programs that are not written in Go find no root.
    "rsa-1024": case(authority("Own", ROOT, key=rsa_key(1024)), spires=False),
    "bundle without a root": case(LOWER, [UPPER], spires=False),
    "not self-signed, alone": Case([UPPER], None, True, False),
}


@pytest.mark.parametrize("name", CASES)
def test_what_we_refuse_spire_refuses(spire_server: Path, tmp_path: Path, name: str) -> None:
    check_case(CASES[name], spire_server, tmp_path, LOWER.key_pem() if name == "wrong order" else "")


def test_signatures_that_nobody_takes_any_more(spire_server: Path, tmp_path: Path) -> None:
    """Signatures with SHA-1 are refused, except a root's signature of itself, which is never verified."""
    check_case(case(signed_with_sha1(tmp_path, UPPER, ROOT)), spire_server, tmp_path)
    check_case(case(UPPER, [signed_with_sha1(tmp_path, ROOT, ROOT)], ours=False, spires=False), spire_server, tmp_path)


def check_case(one: Case, spire_server: Path, tmp_path: Path, key: str = "") -> None:
    """Checks that the drift check and SPIRE accept or refuse the files as the case says."""
    texts = {"cert_file_path": "".join(made.pem for made in one.chain), "key_file_path": key or one.chain[0].key_pem()}
    if one.bundle is not None:
        texts["bundle_file_path"] = "".join(made.pem for made in one.bundle)
    options = written(tmp_path, **texts)
    config = {"plugins": {"UpstreamAuthority": {"disk": {"plugin_data": options}}}}
    plan = planned("server", spire_trust_domain=TRUST_DOMAIN, spire_server_config=config)
    observed = {options["cert_file_path"]: [made.pem for made in one.chain]}
    if one.bundle is not None:
        observed[options["bundle_file_path"]] = [made.pem for made in one.bundle]
    found, _soon = supplied_ca.mistakes(plan, observed, datetime.datetime.now(datetime.timezone.utc))
    assert bool(found) == one.ours, found
    refused = RealServer(spire_server, config=config).refusal()
    assert bool(refused) == one.spires, refused
