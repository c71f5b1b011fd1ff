# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values are converted to their types, and secrets are removed from trees that people may see."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import render
from ansible_collections.spire.fleet.plugins.plugin_utils.releases import versions
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import check as tree_check
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import convert, model as schema_model
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.model import Block

NEWEST = versions.DEFAULT
PLANTED = "pl4nted-s3cret"


def coerced(path: str, value: Any, component: str = "server", version: versions.Version = NEWEST) -> Any:
    tree: dict[str, Any] = {}
    *blocks, last = path.split("/")
    inner = tree
    for name in blocks:
        inner = inner.setdefault(name, {})
    inner[last] = value
    result: Any = convert.coerce(component, tree, version)
    for name in path.split("/"):
        result = result[name]
    return result


@pytest.mark.parametrize(
    ("path", "value", "becomes"),
    [
        ("server/bind_port", "8081", 8081),
        ("server/bind_port", " 8081\n", 8081),
        ("server/bind_port", 8081.0, 8081),
        ("server/bind_port", "eighty", "eighty"),
        ("server/bind_port", "0x50", "0x50"),
        ("server/bind_port", True, True),
        ("server/bind_port", "9" * 5000, "9" * 5000),
        ("server/audit_log_enabled", "True", True),
        ("server/audit_log_enabled", "no", False),
        ("server/audit_log_enabled", "1", "1"),
        ("server/audit_log_enabled", 1, 1),
        ("server/jwt_issuer", 12, "12"),
        ("server/jwt_issuer", 1.1, 1.1),
        ("server/jwt_issuer", True, True),
        ("server/jwt_issuer", "true", "true"),
        ("server/ca_ttl", " 24h ", "24h"),
        ("server/ca_ttl", 24, 24),
        ("server/ca_subject/country", ("DE", 49), ["DE", "49"]),
        ("server/ca_subject/country", "DE", "DE"),
        ("health_checks/bind_port", 8080, "8080"),
        ("health_checks/listener_enabled", "true", True),
        ("telemetry/Prometheus/port", "9988", 9988),
        ("telemetry/Statsd", {"address": 1}, [{"address": "1"}]),
        ("telemetry/Statsd", [{"address": 1}], [{"address": "1"}]),
        ("server/federation/bundle_endpoint/port", "443", 443),
        (
            "server/federation/federates_with",
            {"b.test": {"bundle_endpoint_url": 1}},
            {"b.test": {"bundle_endpoint_url": "1"}},
        ),
        ("plugins/NodeAttestor/x509pop/plugin_data/max_intermediates", "3", 3),
        ("plugins/NodeAttestor/x509pop/enabled", "false", False),
        (
            "plugins/NodeAttestor/mine",
            {"plugin_cmd": "/x", "plugin_data": {"n": "1"}},
            {"plugin_cmd": "/x", "plugin_data": {"n": "1"}},
        ),
        ("plugins/KeyManager/aws_kms/plugin_data/key_tags", {"cost": 12}, {"cost": "12"}),
        (
            "plugins/DataStore/sql/plugin_data/database_type",
            {"aws_mysql": {"region": 1}},
            {"aws_mysql": {"region": "1"}},
        ),
        ("server/no_such_option", "8081", "8081"),
        ("server", "nothing", "nothing"),
        ("plugins", None, None),
        ("plugins/NodeAttestor", ["x"], ["x"]),
    ],
)
def test_values_become_what_the_option_is(path: str, value: Any, becomes: Any) -> None:
    result = coerced(path, value)
    assert (result, type(result)) == (becomes, type(becomes))


def test_the_release_decides_the_type() -> None:
    assert coerced("server/ratelimit/attestation", "5", version=versions.parse("0.11.0")) == 5
    assert coerced("server/ratelimit/attestation", "true", version=versions.parse("0.11.1")) is True


def specs(block: Block, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    view = block.at(NEWEST)
    for name, spec in view.specs.items():
        inner = block.options[name].block
        yield path + (name,), spec
        if inner and spec.type in ("block", "list(block)"):
            yield from specs(inner, path + (name,))


PATHS = [path for component in ("server", "agent") for path, _spec in specs(schema_model.block(component))]
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4), st.just(PLANTED))
JUNK = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.sampled_from(["x", "plugin_data", "sql"]), inner, max_size=2)
    ),
    max_leaves=4,
)


@st.composite
def trees(draw: Any) -> dict[str, Any]:
    """Generates trees with any values at valid paths, with invalid paths, and with all kinds of plugins."""
    tree: dict[str, Any] = {}
    for path in draw(st.lists(st.sampled_from(PATHS), max_size=6)):
        block = tree
        for name in path[:-1]:
            block = block.setdefault(name, {}) if isinstance(block.setdefault(name, {}), dict) else {}
        block[path[-1]] = draw(JUNK)
    for kind in draw(st.lists(st.sampled_from(["KeyManager", "DataStore", "NodeAttestor", "Nonsense"]), max_size=3)):
        plugins = tree.setdefault("plugins", {})
        if isinstance(plugins, dict):
            name = draw(st.sampled_from(["disk", "sql", "aws_iid", "x509pop", "mine"]))
            body = draw(
                st.one_of(JUNK, st.fixed_dictionaries({"plugin_data": JUNK}, optional={"plugin_cmd": st.just("/x")}))
            )
            plugins[kind] = {name: body}
    return tree


@given(st.sampled_from(["server", "agent"]), trees(), st.sampled_from(versions.RELEASES))
def test_nothing_raises_and_nothing_changes_its_input(
    component: str, tree: dict[str, Any], version: versions.Version
) -> None:
    before = copy.deepcopy(tree)
    result = convert.coerce(component, tree, version)
    assert repr(convert.coerce(component, result, version)) == repr(result)
    render(tree_check.check(component, result, version))
    convert.redact(component, result)
    assert repr(tree) == repr(before)


SECRETS: list[tuple[str, str]] = [
    ("server", "server/no_such_option"),
    ("server", "no_such_block/x/y"),
    ("server", "plugins/NoSuchType/x/plugin_data/y"),
    ("server", "plugins/KeyManager/no_such_plugin/plugin_data/y"),
    ("server", "plugins/KeyManager/disk/plugin_data/no_such_option"),
    ("server", "plugins/KeyManager/disk/no_such_option"),
    ("server", "plugins/DataStore/sql/plugin_data/connection_string"),
    ("server", "plugins/DataStore/sql/plugin_data/ro_connection_string"),
    ("server", "plugins/DataStore/sql/plugin_data/max_open_conns/nested"),
    ("server", "plugins/NodeAttestor/aws_iid/plugin_data/secret_access_key"),
    ("server", "plugins/NodeAttestor/azure_imds/plugin_data/tenants/t/secret_auth/app_secret"),
    ("server", "plugins/UpstreamAuthority/vault/plugin_data/token_auth/token"),
    ("server", "plugins/UpstreamAuthority/vault/plugin_data/approle_auth/approle_secret_id"),
    ("server", "server/ca_ttl/nested"),
    ("agent", "agent/join_token"),
    ("agent", "agent/experimental/no_such_option"),
    ("agent", "plugins/NodeAttestor/tpm_devid/plugin_data/devid_password"),
    ("agent", "plugins/WorkloadAttestor/docker/plugin_data/sigstore/registry_credentials/r.test/password"),
    ("agent", "plugins/SVIDStore/aws_secretsmanager/plugin_data/secret_access_key"),
]


def at(path: str, value: Any) -> dict[str, Any]:
    tree: Any = value
    for name in reversed(path.split("/")):
        tree = {name: tree}
    return dict(tree)


@pytest.mark.parametrize("value", [PLANTED, [PLANTED], {"a": PLANTED}, f"mysql://u:{PLANTED}@db"], ids=repr)
@pytest.mark.parametrize(("component", "path"), SECRETS)
def test_secrets_are_in_no_output(component: str, path: str, value: Any) -> None:
    tree = at(path, value)
    assert PLANTED in json.dumps(tree)
    assert PLANTED not in json.dumps(convert.redact(component, tree))
    for version in ("0.8.0", "1.0.0", "1.15.3"):
        problems = tree_check.check(
            component, convert.coerce(component, tree, versions.parse(version)), versions.parse(version)
        )
        assert PLANTED not in render(problems)


def test_the_search_for_secrets_would_find_one() -> None:
    tree = at("server/log_level", PLANTED)
    assert PLANTED in json.dumps(convert.redact("server", tree))
    assert PLANTED in render(tree_check.check("server", tree, NEWEST))


def test_an_external_plugins_data_are_redacted_under_a_builtins_name_too() -> None:
    body = {"plugin_cmd": "/usr/bin/mine", "plugin_checksum": "ab", "plugin_data": {"keys_path": PLANTED}}
    shown = convert.redact("server", at("plugins/KeyManager/disk", body))
    assert shown == at("plugins/KeyManager/disk", {**body, "plugin_data": "(redacted)"})


def test_what_is_no_secret_stays() -> None:
    tree = {
        "server": {
            "trust_domain": "example.org",
            "bind_port": 8081,
            "admin_ids": ["spiffe://example.org/a"],
            "experimental": {},
        },
        "plugins": {
            "DataStore": {"sql": {"plugin_data": {"database_type": "sqlite3", "connection_string": "/db"}}},
            "KeyManager": {"disk": {"plugin_data": {"keys_path": "/keys.json"}}},
            "NodeAttestor": {"join_token": {"plugin_data": {}}, "k8s_sat": {"plugin_data": {"clusters": {"c": {}}}}},
            "UpstreamAuthority": {"disk": {"plugin_data": {"cert_file_path": "/c", "key_file_path": "/secret/key"}}},
        },
        "telemetry": {"Statsd": [{"address": "127.0.0.1:1"}], "DogStatsd": {"address": "127.0.0.1:2"}},
        "health_checks": {"bind_port": "8080"},
    }
    shown = convert.redact("server", tree)
    assert shown["plugins"]["DataStore"]["sql"]["plugin_data"].pop("connection_string") == "(redacted)"
    del tree["plugins"]["DataStore"]["sql"]["plugin_data"]["connection_string"]  # type: ignore[index]
    assert shown == tree


def test_an_empty_secret_is_shown_as_empty() -> None:
    assert convert.redact("agent", at("agent/join_token", "")) == at("agent/join_token", "")
