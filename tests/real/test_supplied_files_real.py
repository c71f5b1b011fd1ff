# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The drift check and SPIRE agree on a person's own keys and certificates: each mistake is found, and nothing that SPIRE takes is refused."""

from __future__ import annotations

import datetime
import functools
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from ansible_collections.spire.fleet.plugins.module_utils.host.observe import identity, supplied
from ansible_collections.spire.fleet.plugins.plugin_utils.drift import supplied_files
from ansible_collections.spire.fleet.plugins.plugin_utils.drift.comparison import Comparison
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import files as schema_files
from tests.support.authorities import DAY, Made, make, written
from tests.support.real_spire import RealAgent, RealServer, TRUST_DOMAIN
from tests.unit.builders.fleets import fleet

NOW = datetime.datetime.now(datetime.timezone.utc)
#: how long an agent may take to attest
SECONDS = 12.0


def made(name: str, issuer: Made | None = None, **more: Any) -> Made:
    return make(name, issuer, **{"starts": NOW - DAY, "ends": NOW + 100 * DAY, **more})


ROOT = made("Root")
MIDDLE = made("Middle", ROOT)
node = functools.partial(made, ca=False, uses=["digital_signature"])
OWN = node("node", ROOT)
LOWER = node("node", MIDDLE)
UPSTREAM = made("Upstream", ROOT)


def openssl(*arguments: str, text: str = "") -> str:
    return subprocess.run(["openssl", *arguments], input=text.encode(), capture_output=True, check=True).stdout.decode()


def with_parameters(one: Made) -> str:
    return openssl("ecparam", "-name", "prime256v1") + openssl("ec", text=one.key_pem())


KEYS = {
    "pkcs8": UPSTREAM.key_pem,
    "sec1": lambda: openssl("ec", text=UPSTREAM.key_pem()),
    "without its public half": lambda: openssl("ec", "-no_public", text=UPSTREAM.key_pem()),
    "another key": made("Other").key_pem,
    "EC PARAMETERS before the key": lambda: with_parameters(UPSTREAM),
    "encrypted": lambda: UPSTREAM.key_pem("correct horse"),
    "encrypted, the old form": lambda: openssl("ec", "-aes256", "-passout", "pass:horse", text=UPSTREAM.key_pem()),
    "a curve without a name": lambda: openssl("ec", "-param_enc", "explicit", text=UPSTREAM.key_pem()),
    "a wrong title": lambda: UPSTREAM.key_pem().replace(" PRIVATE", " EC PRIVATE"),
    "with its certificate": lambda: UPSTREAM.pem + UPSTREAM.key_pem(),
    "no PEM": lambda: "junk",
    "damaged": lambda: UPSTREAM.key_pem()[:80] + "\n-----END PRIVATE KEY-----\n",
}
#: what the plugin disk takes
GOOD_KEYS = ("pkcs8", "sec1", "without its public half")

#: the key, the file of the certificate, and that of the intermediates
NODES: dict[str, tuple[str, list[Made], list[Made]]] = {
    "good": (OWN.key_pem(), [OWN], []),
    "EC PARAMETERS before the key": (with_parameters(OWN), [OWN], []),
    "an intermediate in the file": (LOWER.key_pem(), [LOWER, MIDDLE], []),
    "intermediates in their own file, with the root": (LOWER.key_pem(), [LOWER], [ROOT, MIDDLE]),
    "rsa": ((key := node("rsa", ROOT, key=rsa.generate_private_key(public_exponent=65537, key_size=2048))).key_pem(), [key], []),
    "p521": ((key := node("p521", ROOT, key=ec.generate_private_key(ec.SECP521R1()))).key_pem(), [key], []),
    "another key": (LOWER.key_pem(), [OWN], []),
    "encrypted": (OWN.key_pem("correct horse"), [OWN], []),
    "wrong order": (LOWER.key_pem(), [MIDDLE, LOWER], []),
    "expired": ((key := node("old", ROOT, ends=NOW - DAY / 2)).key_pem(), [key], []),
    "not yet valid": ((key := node("new", ROOT, starts=NOW + DAY)).key_pem(), [key], []),
    "no digitalSignature": ((key := node("no", ROOT, uses=["key_encipherment"])).key_pem(), [key], []),
    "ed25519": ((key := node("ed", ROOT, key=ed25519.Ed25519PrivateKey.generate())).key_pem(), [key], []),
    "a missing intermediate": (LOWER.key_pem(), [LOWER], []),
    "an expired intermediate": (LOWER.key_pem(), [LOWER, made("Middle", ROOT, key=MIDDLE.key, ends=NOW - DAY / 2)], []),
    "of another CA": ((key := node("foreign", made("Foreign"))).key_pem(), [key], []),
    "junk": ("junk", [OWN], []),
}
GOOD_NODES = tuple(NODES)[:6]


def found_in(planned: Plan, answer: Mapping[str, Any] | None = None) -> list[str]:
    """Returns the errors that the drift check finds in the real files of a plan."""
    texts = {path: identity.certificates(path) for path in schema_files.certificate_files(planned.component, planned.tree)}
    observed = {"supplied": supplied.observe(supplied_files.asked(planned), ""), "certificates": texts, "user": {"exists": True}}
    found = Comparison()
    supplied_files.compare(planned, observed, answer, NOW, found)
    return found.errors


@pytest.mark.parametrize("name", KEYS)
def test_keys_of_the_plugin_disk(spire_server: Path, tmp_path: Path, name: str) -> None:
    options = written(tmp_path, cert_file_path=UPSTREAM.pem, key_file_path=KEYS[name](), bundle_file_path=ROOT.pem)
    config = {"plugins": {"UpstreamAuthority": {"disk": {"plugin_data": options}}}}
    planned = plan("server", "s1", fleet({"spire_trust_domain": TRUST_DOMAIN, "spire_server_config": config}))
    errors = found_in(planned)
    assert bool(errors) == (name not in GOOD_KEYS), errors
    refused = RealServer(spire_server, config=config).refusal()
    assert bool(refused) == bool(errors), refused or errors


@pytest.fixture(name="server", scope="module")
def fixture_server(spire_server: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    files = written(tmp_path_factory.mktemp("ca"), ca=ROOT.pem)
    config = {"plugins": {"NodeAttestor": {"x509pop": {"plugin_data": {"ca_bundle_path": files["ca"]}}}}}
    with RealServer(spire_server, config=config) as server:
        yield server


@pytest.mark.parametrize("name", NODES)
def test_files_of_x509pop(server: RealServer, spire_agent: Path, tmp_path: Path, name: str) -> None:
    key, chain, more = NODES[name]
    texts = {"private_key_path": key, "certificate_path": "".join(one.pem for one in chain)}
    if more:
        texts["intermediates_path"] = "".join(one.pem for one in more)
    options = written(tmp_path, **texts)
    config = {"plugins": {"NodeAttestor": {"x509pop": {"plugin_data": options}}}}
    variables = {"spire_trust_domain": TRUST_DOMAIN, "spire_server_config": server.config}
    planned = plan("agent", "a1", fleet(variables, a1={"spire_agent_config": config}))
    path = server.config["plugins"]["NodeAttestor"]["x509pop"]["plugin_data"]["ca_bundle_path"]
    errors = found_in(planned, {"certificates": {path: identity.certificates(path)}})
    assert bool(errors) == (name not in GOOD_NODES), errors
    own = {"plugins": {"NodeAttestor": {"join_token": None, **config["plugins"]["NodeAttestor"]}}}
    refused = RealAgent(spire_agent, server, token="", config=own).refusal(SECONDS)
    assert bool(refused) == bool(errors), refused or errors
