# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real SPIRE uses CAs in AWS, with its own AWS client, which AWS_ENDPOINT_URL directs to moto's server on loopback.

It works with the collection's CA in Secrets Manager. With AWS Private CA it reaches the first signing: moto ignores the signing template
and returns a certificate that is not a CA's, which SPIRE refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.pki import aws as pki_aws
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import keys as x509_keys
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.ensure import Run
from tests.support.moto_server import Moto, REGION, running
from tests.support.real_spire import RealAgent, RealServer, TRUST_DOMAIN
from tests.support.real_upstream import PASSPHRASE, local_authority, now, verified
from tests.unit.builders.fleets import planned


@pytest.fixture(name="moto")
def fixture_moto() -> Iterator[Moto]:
    with running() as found, pytest.MonkeyPatch.context() as environment:
        environment.delenv("AWS_PROFILE", raising=False)
        for name, value in found.environment.items():
            environment.setenv(name, value)
        yield found


def kept(directory: Path, way: str, **variables: Any) -> dict[str, Any]:
    """Makes the upstream CA on the controller and in AWS, as a run does; returns the part of the server's tree that names it."""
    tree = {"plugins": {"UpstreamAuthority": {way: {"plugin_data": {"region": REGION}}}}}
    common = {
        "spire_trust_domain": TRUST_DOMAIN, "spire_pki": way, "spire_pki_dir": str(directory / "pki"), "spire_pki_passphrase": PASSPHRASE,
        "spire_server_config": tree, **variables,
    }
    upstream = planned("server", **common).upstream
    assert upstream is not None
    pki_aws.ensure(upstream, Run(now()))
    again = planned("server", **common)
    assert again.upstream is not None and pki_aws.differences(again.upstream) == []
    return {"plugins": {"UpstreamAuthority": again.plugins("UpstreamAuthority")}}


def serials(text: str) -> list[int]:
    return [one.serial_number for one in x509_keys.load_certificates(text.encode(), "here")]


@pytest.mark.parametrize("release", ["1.15.3", "1.14.7"])
def test_a_server_under_a_ca_in_secrets_manager(spire_binary: Callable[..., Path], moto: Moto, tmp_path: Path, release: str) -> None:
    config = kept(tmp_path, "awssecret", spire_version=release)
    own = tmp_path / "pki" / TRUST_DOMAIN / "servers" / "s1" / "upstream.pem"
    root = (tmp_path / "pki" / TRUST_DOMAIN / "root.pem").read_text()
    with RealServer(spire_binary("spire-server", release), config=config) as server:
        assert server.client().bundle_show("pem").split() == root.split()
        agent = spire_binary("spire-agent", release)
        chain = chain_of(server, agent, "first")
        # The chain has the leaf, the server's own CA and the intermediate.
        assert len(serials(chain)) == 3 and serials(chain)[2:] == serials(own.read_text())
        assert verified(tmp_path, root, chain) == "leaf.pem: OK"
        # The intermediate is replaced. SPIRE reads secrets only at its start, and the new one signs its next CA after that.
        first = own.read_text()
        own.unlink()
        assert kept(tmp_path, "awssecret", spire_version=release) == config
        assert serials(own.read_text()) != serials(first)
        next_ca(server)
        assert serials(chain_of(server, agent, "unread"))[2:] == serials(first)
        server.restart()
        next_ca(server)
        chain = chain_of(server, agent, "next")
        assert serials(chain)[2:] == serials(own.read_text())
        assert verified(tmp_path, root, chain) == "leaf.pem: OK"
        assert server.client().bundle_show("pem").split() == root.split()


def chain_of(server: RealServer, binary: Path, name: str) -> str:
    """Returns the chain of a new workload's SVID, from a new agent."""
    selectors = [dict(zip(("type", "value"), text.split(":", 1))) for text in server.selectors()]
    spiffe_id = f"spiffe://{TRUST_DOMAIN}/{name}"
    with RealAgent(binary, server) as agent:
        entry = {"entry_id": name, "spiffe_id": spiffe_id, "selectors": selectors, "parent_id": agent.spiffe_id}
        assert [item.code for item in server.client().entry_create([entry])] == [0]
        return str(agent.wait_svid(spiffe_id)["certificates"])


def next_ca(server: RealServer) -> None:
    """Makes the server prepare its next CA, which is signed then, and activate it."""
    prepared = local_authority(server, "prepare")["prepared_authority"]["authority_id"]
    local_authority(server, "activate", "-authorityID", prepared)


@pytest.mark.parametrize(("broken", "error_text"), [
    ("key", "unable to parse private key"), ("certificate", "unable to parse certificate"), ("bundle", "unable to load upstream CA bundle"),
])
def test_a_secret_without_pem_stops_the_server_and_is_mended(spire_server: Path, moto: Moto, tmp_path: Path, broken: str, error_text: str) -> None:
    config = kept(tmp_path, "awssecret")
    name = f"spire/{TRUST_DOMAIN}/s1/{broken}"
    moto.client("secretsmanager").put_secret_value(SecretId=name, SecretString="no PEM")
    server = RealServer(spire_server, config=config)
    try:
        with pytest.raises(RuntimeError, match=error_text):
            server.start()
        assert kept(tmp_path, "awssecret") == config
        server.start()
    finally:
        server.remove()


def test_a_private_ca_gets_as_far_as_its_first_signing(spire_server: Path, moto: Moto, tmp_path: Path) -> None:
    """SPIRE finds the private CA and gets a certificate from it. It does not start, because moto issues a certificate that is not a CA's."""
    config = kept(tmp_path, "aws_pca", spire_pki_key_type="rsa-2048")
    arn = config["plugins"]["UpstreamAuthority"]["aws_pca"]["plugin_data"]["certificate_authority_arn"]
    server = RealServer(spire_server, config=config)
    try:
        server.launch()
        for text in ("Looking up certificate authority from ACM", arn, "Submitting CSR to ACM", "Certificate and chain received"):
            server.wait_log(text)
        assert server.wait_end() == 1
        assert (
            "X509 CA minted by upstream authority is invalid: invalid upstream-signed X509 CA: invalid X509 CA: basic constraints are not valid"
        ) in server.log()
    finally:
        server.remove()
