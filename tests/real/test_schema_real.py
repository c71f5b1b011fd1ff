# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection and SPIRE accept and refuse the same configurations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils import hcl
from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import errors
from ansible_collections.spire.fleet.plugins.plugin_utils.releases import versions
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import check as tree_check

from tests.support import conformance, conformance_trees, spire_bin
from tests.unit.builders.trees import REMOVE, having

Tree = dict[str, Any]
Changes = list[tuple[str, Any]]


def base(component: str, release: versions.Version, directory: Path) -> Tree:
    """Returns the minimum that SPIRE accepts, with a server's keys on disk; every case changes it."""
    tree = conformance_trees.base(component, release, directory)
    if component == "server":
        tree["plugins"]["KeyManager"] = {"disk": {"plugin_data": {"keys_path": str(directory / "keys.json")}}}
    return tree


@pytest.fixture
def evaluated(spire_binary: Callable[..., Path], tmp_path: Path) -> Callable[[str, Changes], tuple[bool, bool, str]]:
    """Returns a function that tells whether the collection and whether SPIRE accept a changed tree, with the messages of both."""

    def evaluate(component: str, changes: Changes) -> tuple[bool, bool, str]:
        binary = spire_binary(f"spire-{component}")
        version = versions.parse(spire_bin.binary_version(binary))
        tree = having(base(component, version, tmp_path), *changes)
        file = tmp_path / "judged.conf"
        file.write_text(hcl.dumps(tree), "utf-8")
        taken, output = conformance.validate(binary, file)
        ours = errors(tree_check.check(component, tree, version))
        return not ours, taken, f"{ours}\n{output}"

    return evaluate


FEDERATION = "server/federation"
RIGHT: list[tuple[str, Changes]] = [
    # SPIRE and preflight only warn of it.
    ("server", [("server/agent_ttl", "8h")]),
    ("server", []),
    ("agent", []),
    ("server", [("server/log_level", "debug"), ("server/log_format", "JSON"), ("server/ca_key_type", "RSA-4096")]),
    ("server", [("server/ca_ttl", "72h"), ("server/default_x509_svid_ttl", "12h"), ("server/agent_ttl", "1h30m")]),
    ("server", [("server/admin_ids", ["spiffe://example.org/admin"]), ("server/audit_log_enabled", True)]),
    ("server", [("server/ca_subject", {"country": ["DE"], "organization": ["x"], "common_name": "y"})]),
    ("server", [("server/ratelimit", {"attestation": False, "signing": False})]),
    ("server", [("server/experimental", {"events_based_cache": True, "cache_reload_interval": "10s"})]),
    (
        "server",
        [
            (f"{FEDERATION}/bundle_endpoint", {"address": "127.0.0.1", "port": 8443, "profile": {"https_spiffe": {}}}),
            (
                f"{FEDERATION}/federates_with",
                {
                    "b.test": {
                        "bundle_endpoint_url": "https://b.test/bundle",
                        "bundle_endpoint_profile": {"https_spiffe": {"endpoint_spiffe_id": "spiffe://b.test/server"}},
                    },
                    "c.test": {"bundle_endpoint_url": "https://c.test", "bundle_endpoint_profile": {"https_web": {}}},
                },
            ),
        ],
    ),
    ("server", [("plugins/KeyManager", {"memory": {}})]),
    ("server", [("plugins/KeyManager/memory", {"enabled": False})]),
    ("server", [("plugins/NodeAttestor/no_such_plugin", {"enabled": False})]),
    ("server", [("plugins/NodeAttestor", {"x509pop": {"plugin_data": {"mode": "spiffe", "spiffe_prefix": "/x"}}})]),
    (
        "server",
        [("telemetry", {"Prometheus": {"host": "127.0.0.1", "port": 9988}, "Statsd": [{"address": "127.0.0.1:1"}]})],
    ),
    ("server", [("health_checks", {"listener_enabled": True, "bind_port": "8080", "live_path": "/l"})]),
    ("agent", [("agent/sds", {"default_svid_name": "x"}), ("agent/experimental", {"sync_interval": "10s"})]),
    ("agent", [("agent/trust_bundle_path", REMOVE), ("agent/trust_bundle_url", "https://b.test")]),
    ("agent", [("agent/trust_bundle_path", REMOVE), ("agent/insecure_bootstrap", True)]),
    ("agent", [("agent/workload_x509_svid_key_type", "rsa-2048"), ("agent/availability_target", "24h")]),
]

WRONG: list[tuple[str, Changes]] = [
    ("server", [("server/bind_prt", 1)]),
    ("server", [("server/default_svid_ttl", "1h")]),
    ("server", [("server/trust_domain", REMOVE)]),
    ("server", [("server/trust_domain", "Example.org")]),
    ("server", [("server/data_dir", REMOVE)]),
    ("server", [("server/ca_ttl", "7d")]),
    ("server", [("server/agent_ttl", "3600")]),
    ("server", [("server/ca_ttl", "1H")]),
    ("server", [("server/log_level", "loud")]),
    ("server", [("server/log_format", "xml")]),
    ("server", [("server/ca_key_type", "rsa-1024")]),
    ("server", [("server/bind_port", "eighty")]),
    ("server", [("server/audit_log_enabled", "true")]),
    ("server", [("server/jwt_issuer", True)]),
    ("server", [("server/admin_ids", "spiffe://example.org/admin")]),
    ("server", [("server/admin_ids", ["example.org/admin"])]),
    ("server", [("server/proxy_protocol_trusted_cidrs", ["10.0.0.1"])]),
    ("server", [("server/ratelimit", {"atestation": True})]),
    ("server", [("server/experimental", {"event_timeout": "1m", "sql_transaction_timeout": "1m"})]),
    ("server", [(f"{FEDERATION}/federates_with", {"b.test": {"bundle_endpoint_url": "https://b.test"}})]),
    (
        "server",
        [
            (
                f"{FEDERATION}/federates_with",
                {"b.test": {"bundle_endpoint_url": "http://b.test", "bundle_endpoint_profile": {"https_web": {}}}},
            )
        ],
    ),
    ("server", [("plugins/KeyManager/memory", {})]),
    ("server", [("plugins/KeyManager", REMOVE)]),
    ("server", [("plugins/DataStore", REMOVE)]),
    ("server", [("plugins/KeyManager", {"disk": {"plugin_data": {}}})]),
    ("server", [("plugins/NodeAttestor/no_such_plugin", {})]),
    ("server", [("plugins/NoSuchType", {"x": {}})]),
    (
        "server",
        [
            ("plugins/DataStore/sql/plugin_data/database_type", "mysql"),
            ("plugins/DataStore/sql/plugin_data/connection_string", "u:p@tcp(127.0.0.1:1)/spire"),
        ],
    ),
    ("server", [("plugins/NodeAttestor/x509pop", {"plugin_data": {}})]),
    ("server", [("telemetry", {"Statsd": [{"adress": "x"}]})]),
    ("server", [("health_checks", {"bind_prt": "1"})]),
    ("agent", [("agent/sokcet_path", "/x")]),
    ("agent", [("agent/trust_bundle_path", REMOVE)]),
    ("agent", [("agent/insecure_bootstrap", True)]),
    ("agent", [("agent/server_address", REMOVE)]),
    ("agent", [("agent/server_port", 0)]),
    ("agent", [("agent/trust_bundle_format", "PEM")]),
    ("agent", [("agent/availability_target", "1h")]),
    ("agent", [("agent/rebootstrap_mode", "sometimes")]),
    ("agent", [("agent/workload_x509_svid_key_type", "rsa-4096")]),
    ("agent", [("agent/experimental", {"jwt_svid_cache_hit_timeout": "30s"})]),
    ("agent", [("agent/x509_svid_cache_max_size", -1)]),
    ("agent", [("agent/trust_bundle_unix_socket", "/s")]),
    ("agent", [("agent/experimental", {"named_pipe_name": "x"})]),
    ("server", [("server/experimental", {"named_pipe_name": "x"})]),
]

# validate accepts these without a message, and then SPIRE fails, or does something else than the configuration says.
STRICTER: list[tuple[str, Changes]] = [
    ("server", [("plugins/DataStore/sql/plugin_data/database_type", "oracle")]),
    ("server", [("server/experimental", {"events_based_cach": True})]),
    ("server", [("plugins/NodeAttestor/join_token/plugin_dta", {})]),
    ("server", [("plugins/NodeAttestor", {"x509pop": {"plugin_data": {"mode": "spiffe", "svid_prefix": "/x"}}})]),
    (
        "server",
        [(f"{FEDERATION}/bundle_endpoint", {"address": "b.test", "port": 8443, "profile": {"https_spiffe": {}}})],
    ),
    ("agent", [("agent/experimental", {"sync_intervl": "10s"})]),
    ("agent", [("plugins/WorkloadAttestor", REMOVE)]),
    ("agent", [("plugins/WorkloadAttestor/no_such_plugin", {})]),
]


def name(case: tuple[str, Changes]) -> str:
    component, changes = case
    return "-".join([component, *(path for path, _value in changes)])


@pytest.mark.parametrize("case", RIGHT, ids=name)
def test_spire_and_we_find_it_right(
    evaluated: Callable[[str, Changes], tuple[bool, bool, str]], case: tuple[str, Changes]
) -> None:
    ours, spires, output = evaluated(*case)
    assert (ours, spires) == (True, True), output


@pytest.mark.parametrize("case", WRONG, ids=name)
def test_spire_and_we_find_it_wrong(
    evaluated: Callable[[str, Changes], tuple[bool, bool, str]], case: tuple[str, Changes]
) -> None:
    ours, spires, output = evaluated(*case)
    assert (ours, spires) == (False, False), output


@pytest.mark.parametrize("case", STRICTER, ids=name)
def test_we_find_wrong_what_spire_ignores(
    evaluated: Callable[[str, Changes], tuple[bool, bool, str]], case: tuple[str, Changes]
) -> None:
    ours, spires, output = evaluated(*case)
    assert (ours, spires) == (False, True), output
