# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import json

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.spire import der
from ansible_collections.spire.fleet.plugins.module_utils.spire.agent_cli import SpireAgent
from ansible_collections.spire.fleet.plugins.module_utils.spire.cli import Completed, SpireCliError
from tests.support.errors import error_of
from tests.support.fake_cli import FakeCli, say

SECRET = "5d2c1f6e-planted-secret"


def test_a_fetched_svid_has_no_private_key() -> None:
    first, second, root = b"\x30\x03abc", b"\x30\x01d", b"\x30\x02ef"
    run = FakeCli({"api fetch x509": say([{"svids": [{
        "spiffe_id": "spiffe://example.org/a", "hint": "internal", "x509_svid": base64.b64encode(first + second).decode(),
        "x509_svid_key": base64.b64encode(SECRET.encode()).decode(), "bundle": base64.b64encode(root).decode(),
    }], "federated_bundles": {}}])})
    svids = SpireAgent("/x", "/s", run).fetch_x509()
    assert svids == [{
        "spiffe_id": "spiffe://example.org/a", "hint": "internal",
        "certificates": der.pem(first) + der.pem(second), "bundle": der.pem(root),
    }]


def test_a_certificate_that_is_no_base64_is_not_quoted() -> None:
    run = FakeCli({"api fetch x509": say({"svids": [{"x509_svid": SECRET + "!"}]})})
    assert error_of(SpireCliError, SpireAgent("/x", "/s", run).fetch_x509) == (
        "spire-agent api fetch x509 printed a certificate that is no base64"
    )


def test_what_is_no_chain_of_certificates_is_refused() -> None:
    run = FakeCli({"api fetch x509": say({"svids": [{"x509_svid": base64.b64encode(b"\x30\x05ab").decode()}]})})
    assert error_of(SpireCliError, SpireAgent("/x", "/s", run).fetch_x509) == "a certificate chain is no sequence of DER certificates"


def test_svids_of_another_shape_are_told_and_not_quoted() -> None:
    agent = SpireAgent("/x", "/s", FakeCli({"api fetch x509": say({"svids": [SECRET]})}))
    assert error_of(SpireCliError, agent.fetch_x509) == "spire-agent api fetch x509 printed something else than SVIDs"


def jwt(kid: str) -> str:
    return base64.urlsafe_b64encode(json.dumps({"alg": "ES256", "kid": kid}).encode()).decode().rstrip("=") + f".{SECRET}.signature"


def test_keys_of_tokens_come_without_the_tokens() -> None:
    document = base64.b64encode(b'{"keys": [{"kid": "a"}, {"kid": "b"}]}').decode()
    answer = [{"svids": [{"spiffe_id": "spiffe://x/w", "svid": jwt("a")}]}, {"bundles": {"spiffe://x": document}}]
    run = FakeCli({"api fetch jwt": say(answer)})
    found = SpireAgent("/x/spire-agent", "/run/s.sock", run).fetch_jwt_keys("somebody")
    assert found == {"signing": ["a"], "bundle": ["a", "b"]}
    assert SECRET not in json.dumps(found)


@pytest.mark.parametrize("answer", [
    say([{"svids": [{"svid": SECRET}]}]), say([{"bundles": {"x": SECRET}}]), say([{"svids": [{}]}]), say([SECRET]), say(5),
    Completed(0, f"token(spiffe://x/w): {SECRET}\n", ""),
])
def test_what_is_no_token_is_not_quoted(answer: Completed) -> None:
    agent = SpireAgent("/x/spire-agent", "/run/s.sock", FakeCli({"api fetch jwt": answer}))
    assert error_of(SpireCliError, agent.fetch_jwt_keys, "x") == "spire-agent api fetch jwt printed something else than tokens and bundles"
