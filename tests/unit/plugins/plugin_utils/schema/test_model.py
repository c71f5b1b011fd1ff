# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The schema's data has no mistakes that a reviewer would overlook."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.spire.fleet.plugins.plugin_utils.releases import versions
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import RELEASES, Version
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import check as tree_check
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import block_rules, convert, model as schema_model, values as schema_values
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.model import Block, Option

NAMES = sorted(str(path.relative_to(schema_model.DATA).with_suffix("")) for path in schema_model.DATA.rglob("*.yml"))
PLUGINS = [name for name in NAMES if name.count("/") == 2]


def options(block: Block, path: str = "") -> Iterator[tuple[str, Option, Block]]:
    for name, option in block.options.items():
        yield f"{path}{name}", option, block
        if option.block:
            yield from options(option.block, f"{path}{name}.")


ALL = [
    (f"{name}: {path}", option, inside) for name in NAMES for path, option, inside in options(schema_model.block(name))
]


def test_how_much_there_is() -> None:
    assert len(PLUGINS) >= 63
    assert len(ALL) > 600


@pytest.mark.parametrize("name", NAMES)
def test_a_file_says_what_it_is_about(name: str) -> None:
    data = yaml.safe_load((schema_model.DATA / f"{name}.yml").read_text("utf-8"))
    known = {"description", "documented", "since", "until", "deprecated", "replaced_by", "windows", "options", "rules"}
    known |= {"types"} if name == "plugin" else set()
    assert set(data) <= known
    assert data["description"].endswith(".")
    assert set(re.findall(r"\b\d+\.\d+\.\d+\b", str([data.get("since"), data.get("until")]))) <= set(map(str, RELEASES))


def test_every_option_is_of_a_known_type_and_described() -> None:
    for name, option, _inside in ALL:
        assert option.types <= schema_values.TYPES, name
        assert len(option.base["description"]) > 10 and option.base["description"].endswith("."), name
        assert option.base.get("format", "") in schema_values.FORMATS | {""}, name
        assert option.base.get("keys", "") in schema_values.FORMATS | {""}, name
        needs_block = option.types & {"block", "list(block)", "map(block)", "string or block"}
        assert bool(option.block) == bool(needs_block), name


def test_every_release_in_the_data_is_one() -> None:
    for name, option, inside in ALL:
        spans = [option.span] + [rule.span for rule in inside.rules]
        for span in spans:
            for release in [span.since, span.until, *(bound for hole in span.absent for bound in hole)]:
                assert release is None or release in RELEASES, name
        for since, _change in option.changes:
            assert since in RELEASES and since in option.span, name
        assert not option.span.since or not option.span.until or option.span.since <= option.span.until, name


def test_every_hole_lies_inside_its_span() -> None:
    holes = [(name, option.span, hole) for name, option, _inside in ALL for hole in option.span.absent]
    assert len(holes) >= 5
    for name, span, (first, last) in holes:
        assert span.since and span.since < first <= last < (span.until or versions.DEFAULT), name


def test_every_default_is_of_its_options_type_and_allowed() -> None:
    observed = 0
    for name, option, _inside in ALL:
        for release in RELEASES:
            if release not in option.span:
                continue
            spec = option.at(release)
            if spec.default is None:
                continue
            observed += 1
            assert schema_values.wrong_type(spec.type, spec.default) == "", f"{name} {release}"
            # SPIRE refuses its own default of this option as a value in the configuration.
            if isinstance(spec.default, str) and not name.endswith("jwt_svid_cache_hit_timeout"):
                assert schema_values.wrong_text(spec, spec.default) == "", f"{name} {release}"
            elif isinstance(spec.default, int) and not isinstance(spec.default, bool):
                assert schema_values.wrong_number(spec, spec.default) == "", f"{name} {release}"
    assert observed > 1000


def test_every_rule_of_the_data_has_an_id_and_names_its_source() -> None:
    assert [f"{component} {path}: {rule}" for component, path, rule in block_rules.everything() if not rule.source or not rule.id] == []


def test_rules_speak_of_options_that_exist() -> None:
    blocks = {id(inside): (name, inside) for name, _option, inside in ALL}
    rules = [(name, inside, rule) for name, inside in blocks.values() for rule in inside.rules]
    assert len(rules) > 30
    for name, inside, rule in rules:
        assert rule.kind in schema_model.RULE_KINDS, name
        assert set(rule.names) | {key for key, _value in rule.when + rule.unless} <= set(inside.options), name
        together = [r for r in RELEASES if r in rule.span and all(r in inside.options[o].span for o in rule.names)]
        assert together, f"{name}: {rule} never has all its options"


def test_a_replacement_is_there_when_the_old_name_goes() -> None:
    observed = 0
    for name, option, inside in ALL:
        successors = [new for new in option.base.get("replaced_by", "").split(", ") if new in inside.options]
        for new in successors:
            observed += 1
            deprecated = option.base.get("deprecated")
            gone = option.span.until and RELEASES[RELEASES.index(option.span.until) + 1]
            for release in (schema_model.version(deprecated) if deprecated else None, gone):
                assert release is None or release in inside.options[new].span, f"{name} -> {new} in {release}"
    assert observed > 10


def test_secrets_are_marked() -> None:
    secret = {name.split(": ")[1].split(".")[-1] for name, option, _inside in ALL if option.secret}
    assert secret == {
        "access_key",
        "app_secret",
        "approle_secret_id",
        "connection_string",
        "devid_password",
        "endorsement_hierarchy_password",
        "join_token",
        "owner_hierarchy_password",
        "password",
        "ro_connection_string",
        "secret_access_key",
        "secret_token",
        "storage_account_key",
        "token",
    }


def test_options_whose_name_sounds_secret_are_marked_or_are_paths() -> None:
    sounds = re.compile(r"(secret|password|token|private|_key)")
    harmless = {"disable_group_name_selectors", "use_token_review_api_validation", "label_key", "object_key"}
    harmless |= {"config_map_key", "configmap_key", "fetch_secrets", "stream_secrets", "enable_tag_based_key_discovery"}
    harmless |= {"identity_token_host", "jwt_keys_secret_name"}
    for name, option, _inside in ALL:
        last = name.split(": ")[1].split(".")[-1]
        if sounds.search(last) and option.types == {"string"} and last not in harmless:
            is_file = last.endswith(("_file", "_path", "_arn", "key_type", "_id"))
            assert option.secret or option.base.get("secret_file") or is_file or last.startswith("key_identifier"), name


def test_whatever_is_called_a_file_is_marked_as_one() -> None:
    """Every option whose name is that of a file is marked as one, so that preflight checks its path. Logs and the provider's file are not."""
    unmarked = {
        name for name, option, _inside in ALL
        if re.search(r"_files?(_paths?)?$", name) and not option.block
        and not any(option.base.get(mark) for mark in ("file", "secret_file", "certificate"))
    }
    assert unmarked == {"agent: agent.log_file", "server: server.log_file", "oidc_discovery_provider: serving_cert_file.cert_file_path"}


@pytest.mark.parametrize(
    ("block", "option", "first", "last"),
    [
        ("server", "server.default_x509_svid_ttl", "1.5.0", None),
        ("server", "server.default_svid_ttl", "0.9.0", "1.5.6"),
        ("server", "server.socket_path", "1.0.0", None),
        ("agent", "agent.join_token_file", "1.13.3", None),
        ("agent", "agent.retry_bootstrap", "1.9.2", "1.13.6"),
        ("agent", "agent.disable_workload_api", "1.15.3", None),
        ("telemetry", "Prometheus.tls", "1.15.0", None),
        ("plugin", "plugin_data_file", "1.10.0", None),
        ("server/NodeAttestor/x509pop", "spiffe_prefix", "1.11.2", None),
        ("server/KeyManager/aws_kms", "key_metadata_file", None, "1.9.6"),
    ],
)
def test_spans_to_the_patch(block: str, option: str, first: str | None, last: str | None) -> None:
    found = {path: known for path, known, _inside in options(schema_model.block(block))}[option]
    assert (found.span.since, found.span.until) == (first and versions.parse(first), last and versions.parse(last))


def test_the_name_in_spires_documentation_that_spire_ignores_is_not_known() -> None:
    assert "svid_prefix" not in schema_model.block("server/NodeAttestor/x509pop").options


def test_an_option_that_a_release_in_between_lacks() -> None:
    span = (
        schema_model.block("agent")
        .options["agent"]
        .block.options["sds"]
        .block.options["disable_spiffe_cert_validation"]
        .span
    )
    there = [str(release) for release in RELEASES if release in span and release <= Version(1, 2, 4)]
    assert there == ["1.0.4", "1.1.5", "1.2.4"]


def test_unknown_attributes_in_the_data_are_refused() -> None:
    with pytest.raises(ValueError, match="x has unknown attributes \\['requird'\\]"):
        schema_model.made({"options": {"x": {"type": "string", "requird": True}}})


def test_loading_is_fast() -> None:
    """The data that one run of Ansible needs is loaded fast: the CPU time of a new process, the best of three."""
    script = (
        "import sys, time\n"
        f"sys.path[:0] = {[str(Path(schema_model.__file__).parents[6])]!r}\n"
        "import yaml, fractions, difflib, ipaddress\n"
        "from ansible_collections.spire.fleet.plugins.plugin_utils.schema import convert, model\n"
        "began = time.process_time()\n"
        "for name in ('server', 'agent', 'plugin', 'server/DataStore/sql', 'server/KeyManager/disk',"
        " 'server/NodeAttestor/x509pop', 'agent/NodeAttestor/x509pop'):\n"
        "    model.block(name)\n"
        "print(time.process_time() - began)\n"
    )
    runs = [
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True) for _run in range(3)
    ]
    slow = 1 if schema_model._Loader is getattr(yaml, "CSafeLoader", None) else 12
    assert min(float(run.stdout) for run in runs) < 0.05 * slow


def test_checking_is_fast(server_tree: dict[str, Any]) -> None:
    tree_check.check("server", server_tree, versions.DEFAULT)
    began = time.process_time()
    for _host in range(300):
        tree_check.check("server", convert.coerce("server", server_tree, versions.DEFAULT), versions.DEFAULT)
    assert (time.process_time() - began) / 300 < 0.003


@pytest.fixture
def server_tree() -> dict[str, Any]:
    return {
        "server": {
            "trust_domain": "example.org",
            "bind_port": 8081,
            "data_dir": "/d",
            "ca_ttl": "24h",
            "log_level": "INFO",
        },
        "plugins": {
            "DataStore": {"sql": {"plugin_data": {"database_type": "sqlite3", "connection_string": "/d/db"}}},
            "KeyManager": {"disk": {"plugin_data": {"keys_path": "/d/keys.json"}}},
            "NodeAttestor": {"join_token": {}, "x509pop": {"plugin_data": {"ca_bundle_path": "/d/ca.pem"}}},
        },
        "telemetry": {"Prometheus": {"port": 9988}, "Statsd": [{"address": "127.0.0.1:8125"}]},
        "health_checks": {"listener_enabled": True, "bind_port": "8080"},
    }
