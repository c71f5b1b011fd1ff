# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The federation of two trust domains fits the bundle endpoints of both. The examples of the rules are in rules/fleet/cases/federation.yml."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.rules import run as rules_run
from tests.unit.builders.fleets import fleet

ACME = {"https_web": {"acme": {"domain_name": "bundle.west.com", "email": "ops@acme.com", "tos_accepted": True}}}
FILES = {"https_web": {"serving_cert_file": {"cert_file_path": "/etc/spire/c.pem", "key_file_path": "/etc/spire/c.key"}}}
SPIFFE: dict[str, Any] = {"https_spiffe": {}}
OWN = {"https_spiffe": {"endpoint_spiffe_id": "spiffe://west.com/spire/server"}}
WEB: dict[str, Any] = {"https_web": {}}
FOO = {"https_spiffe": {"endpoint_spiffe_id": "spiffe://west.com/foo"}}
BUCKET = {"BundlePublisher": {"aws_s3": {"plugin_data": {"region": "eu-west-1", "bucket": "b", "object_key": "k", "format": "spiffe"}}}}


def found(url: str, expected: dict[str, Any], profile: dict[str, Any], plugins: dict[str, Any] | None = None) -> list[str]:
    asks = {"federates_with": {"west.com": {"bundle_endpoint_url": url, "bundle_endpoint_profile": expected}}}
    west = {"spire_trust_domain": "west.com", "spire_server_group": "west"}
    there = {"ansible_host": "10.0.0.2", "spire_server_address": "lb.west.com"}
    tree = {"server": {"federation": {"bundle_endpoint": {"port": 8443, "profile": profile}}}, "plugins": plugins or {}}
    made = fleet(
        servers=("s1", "s2"), agents=(), groups={"east": ["s1"], "west": ["s2"]},
        s1={"spire_server_group": "east", "spire_server_config": {"server": {"federation": asks}}},
        s2={**west, **there, "spire_server_config": tree},
    )
    return [f"{problem.severity}: {problem.rule}" for problem in rules_run.of_fleet(made) if problem.rule.startswith("federation_")]


@pytest.mark.parametrize(("url", "expected", "profile", "codes"), [
    ("https://s2:8443", OWN, SPIFFE, []),
    ("https://10.0.0.2:8443", WEB, FILES, []),
    ("https://bundle.west.com:8443", WEB, ACME, []),
    ("https://bundle.west.com:8443", OWN, ACME, ["error: federation_profile"]),
    ("https://10.0.0.2:8443", WEB, SPIFFE, ["error: federation_profile"]),
    ("https://lb.west.com", WEB, SPIFFE, ["warning: federation_profile"]),
    ("https://lb.west.com", OWN, SPIFFE, []),
    ("https://lb.west.com", FOO, SPIFFE, ["warning: federation_spiffe_id"]),
    ("https://s2:8443", FOO, SPIFFE, ["error: federation_spiffe_id"]),
    ("https://s2", OWN, SPIFFE, ["warning: federation_port"]),
    ("https://s2:x", OWN, SPIFFE, []),
])
def test_what_is_expected_of_an_endpoint(url: str, expected: dict[str, Any], profile: dict[str, Any], codes: list[str]) -> None:
    assert found(url, expected, profile) == codes


def test_a_bundle_in_a_bucket_is_fetched_with_https_web() -> None:
    url = "https://b.s3.amazonaws.com/k"
    assert found(url, WEB, SPIFFE, plugins=BUCKET) == []
    assert found(url, FOO, ACME, plugins=BUCKET) == ["warning: federation_profile"]
