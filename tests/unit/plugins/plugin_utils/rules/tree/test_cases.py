# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each mistake with the exact words that a person reads."""

from __future__ import annotations

import copy
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import errors, report
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree import layers
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import Layer
from ansible_collections.spire.fleet.plugins.plugin_utils.releases import versions
from ansible_collections.spire.fleet.plugins.plugin_utils.rules import tree as schema_rules
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import check as tree_check

REMOVE = object()
NEWEST = "1.15.3"

SERVER: dict[str, Any] = {
    "server": {"trust_domain": "prod.acme.com", "bind_port": 8081, "data_dir": "/var/lib/spire/server"},
    "plugins": {
        "DataStore": {"sql": {"plugin_data": {"database_type": "sqlite3", "connection_string": "/var/lib/spire/db"}}},
        "KeyManager": {"disk": {"plugin_data": {"keys_path": "/var/lib/spire/keys.json"}}},
        "NodeAttestor": {"join_token": {"plugin_data": {}}},
    },
}
AGENT: dict[str, Any] = {
    "agent": {
        "trust_domain": "prod.acme.com",
        "server_address": "spire.prod.acme.com",
        "server_port": 8081,
        "trust_bundle_path": "/etc/spire/bundle.pem",
        "socket_path": "/run/spire/public/api.sock",
    },
    "plugins": {
        "KeyManager": {"memory": {}},
        "NodeAttestor": {"join_token": {}},
        "WorkloadAttestor": {"unix": {}},
    },
}
PROVIDER: dict[str, Any] = {
    "domains": ["oidc.prod.acme.com"],
    "listen_socket_path": "/run/spire/oidc.sock",
    "server_api": {"address": "unix:///run/spire/server.sock"},
}
BASES = {"server": SERVER, "agent": AGENT, "oidc_discovery_provider": PROVIDER}


def having(base: dict[str, Any], *changes: tuple[str, Any]) -> dict[str, Any]:
    """The tree with values at paths of the form a/b/c; REMOVE takes one away."""
    result = copy.deepcopy(base)
    for path, value in changes:
        *blocks, last = path.split("/")
        block = result
        for name in blocks:
            block = block.setdefault(name, {})
        if value is REMOVE:
            del block[last]
        else:
            block[last] = value
    return result


def said(component: str, version: str, *changes: tuple[str, Any]) -> list[str]:
    base = SERVER if component == "server" else AGENT
    found = tree_check.check(component, having(base, *changes), versions.parse(version))
    return [f"{problem.path}: {problem.message}" for problem in found]


MYSQL = "plugins/DataStore/sql/plugin_data/database_type"

#: by theme; each row says what is done to a sound tree, and every word that is then read
CATALOGUE: list[dict[str, Any]] = [
    mistake
    for path in sorted((Path(__file__).parent / "cases").glob("*.yml"))
    for mistake in yaml.safe_load(path.read_text("utf-8"))
]
#: those of what SPIRE itself has in servers and agents, without strict mode's
MISTAKES = [
    mistake for mistake in CATALOGUE
    if "allow" not in mistake and mistake["component"] in ("server", "agent") and "akeyless" not in mistake["path"]
]
DOCUMENTS = "https://github.com/spiffe/spire/blob/"


def name(mistake: dict[str, Any]) -> str:
    return f"{mistake['path']}: {mistake['says'][:40]}"


def expected(mistake: dict[str, Any]) -> str:
    """The paragraph of a report."""
    title = "1. " if mistake.get("severity", "error") == "error" else "warning: "
    remedy = f" If it is meant so: spire_allow: [{mistake['allow']}]." if "allow" in mistake else ""
    indent = "   "
    lines = textwrap.wrap(
        mistake["says"] + remedy, 100, initial_indent=indent, subsequent_indent=indent,
        break_long_words=False, break_on_hyphens=False,
    )
    about = f"{mistake['releases']}: " if "releases" in mistake else ""
    documents = [f"{indent}{about}{DOCUMENTS}{mistake['document']}"] if "document" in mistake else []
    return "\n".join([title + mistake["path"], *lines, *documents])


@pytest.mark.parametrize("mistake", CATALOGUE, ids=name)
def test_one_mistake_gives_one_message(mistake: dict[str, Any]) -> None:
    changes = [(path, REMOVE) for path in mistake.get("remove", ())] + list(mistake.get("set", {}).items())
    layers = having(BASES[mistake["component"]], *changes)
    release = versions.parse(mistake.get("release", NEWEST))
    found = tree_check.check(mistake["component"], layers, release)
    found += tree_check.check_strictly(mistake["component"], layers, release)
    severity, allow = mistake.get("severity", "error"), mistake.get("allow", "")
    # what is a mistake may give reason for a warning, too; a warning comes without mistakes
    wrong = [problem.path for problem in errors(found) if problem.allow in ("", allow)]
    assert wrong == ([mistake["path"]] if severity == "error" else [])
    alike = [problem for problem in found if (problem.severity, problem.allow) == (severity, allow)]
    if not mistake["says"].startswith("It is deprecated"):
        alike = [problem for problem in alike if problem.code != "deprecated"]
    assert report(alike) == expected(mistake)


def test_a_trust_domain_has_at_most_255_characters() -> None:
    assert said("agent", NEWEST, ("agent/trust_domain", "a" * 255)) == []
    assert said("agent", NEWEST, ("agent/trust_domain", "a" * 256)) == [
        "agent.trust_domain: The trust domain is 256 characters long; at most 255 are allowed."
    ]


def test_there_are_enough_kinds_of_mistakes() -> None:
    assert len({(mistake["component"], mistake["says"]) for mistake in CATALOGUE}) >= 250


def test_every_rule_that_is_a_function_is_in_the_catalogue() -> None:
    observed = set()
    for mistake in CATALOGUE:
        changes = [(path, REMOVE) for path in mistake.get("remove", ())] + list(mistake.get("set", {}).items())
        layers = having(BASES[mistake["component"]], *changes)
        release = versions.parse(mistake.get("release", NEWEST))
        for strict in (False, True):
            broken = schema_rules.broken_rules(mistake["component"], layers, release, strict)
            observed |= {rule.name for rule, _path, _message in broken}
    assert {rule.name for rule in schema_rules.RULES} - observed == set()


@pytest.mark.parametrize("version", versions.RELEASES, ids=str)
@pytest.mark.parametrize("component", ["server", "agent"])
def test_a_small_sound_tree_is_sound_in_every_release(component: str, version: versions.Version) -> None:
    assert said(component, str(version)) == []


def test_a_tree_that_is_no_mapping() -> None:
    found = tree_check.check("server", ["x"], versions.DEFAULT)  # type: ignore[arg-type]
    assert [problem.message for problem in found] == ["The configuration must be a mapping, and it is a list."]


def test_only_what_is_deprecated_is_a_warning() -> None:
    trees = having(SERVER, ("server/default_svid_ttl", "1h"), ("server/nothing_like_it", 1))
    found = tree_check.check("server", trees, versions.parse("1.5.6"))
    assert {problem.path: problem.severity for problem in found} == {
        "server.default_svid_ttl": "warning",
        "server.nothing_like_it": "error",
    }


def test_a_problem_names_the_layer_that_made_it() -> None:
    typo = {
        "agent": {"sokcet_path": "/s"},
        "plugins": {"NodeAttestor": {"x509pop": {"plugin_data": {"certificate_path": "/c"}}}},
    }
    merged = layers.merge("agent", [Layer("built-in", AGENT), Layer("spire_agent_config__eu", typo)])
    found = tree_check.check("agent", merged.tree, versions.DEFAULT, merged.origin)
    assert [(problem.path, problem.layer) for problem in found] == [
        ("agent.sokcet_path", "spire_agent_config__eu"),
        ("plugins.NodeAttestor.x509pop.plugin_data", "spire_agent_config__eu"),
    ]


def test_an_attestor_removed_by_null_is_explained() -> None:
    nothing = {"plugins": {"WorkloadAttestor": {"unix": None}}}
    merged = layers.merge("agent", [Layer("built-in", AGENT), Layer("spire_agent_config", nothing)])
    (problem,) = tree_check.check("agent", merged.tree, versions.DEFAULT, merged.origin)
    assert (
        problem.message
        == "A SPIRE agent needs at least one WorkloadAttestor, and there is none; name one, for example `unix: {}`. "
        "spire_agent_config sets unix to null, which removes it; to switch it on write `unix: {}`."
    )


@pytest.mark.parametrize(
    "plugin",
    [
        {
            "mine": {
                "plugin_cmd": "/usr/bin/mine",
                "plugin_checksum": "ab" * 32,
                "plugin_data": {"anything": [1, {"goes": True}]},
            }
        },
        {"k8s_sat": {"enabled": False, "plugin_data": {"whatever": 1}}},
        {"never_heard_of": {"enabled": False}},
        {"aws_iid": {}},
        {"x509pop": {"plugin_data_file": "/etc/spire/x509pop.conf"}},
    ],
    ids=["external", "disabled and removed", "disabled and unknown", "without plugin_data", "plugin_data in a file"],
)
def test_plugins_that_are_right(plugin: dict[str, Any]) -> None:
    assert tree_check.check("server", having(SERVER, ("plugins/NodeAttestor", plugin)), versions.DEFAULT) == []


def test_types_that_are_right_in_their_releases() -> None:
    assert said("server", "0.11.0", ("server/ratelimit/attestation", 5)) == []
    assert said("server", "0.11.1", ("server/ratelimit/attestation", False)) == []
    assert said("server", "1.9.2", (MYSQL, {"aws_postgres": {"region": "eu-west-1"}})) == []
    assert said("server", NEWEST, ("telemetry/Statsd", {"address": "127.0.0.1:8125"})) == []
    assert said("server", NEWEST, ("server/log_level", "debug"), ("server/ca_key_type", "RSA-2048")) == []
    assert said("agent", "1.14.0", ("agent/workload_x509_svid_key_type", "ec-p384")) == []
    assert said("server", NEWEST, ("server/ca_ttl", "1h30m5.5s"), ("server/default_x509_svid_ttl", "")) == []


@pytest.mark.parametrize("change", [
    ("server/log_file", "/var/log/$HOST/{NAME}-${name}-${}-$.log"),
    ("plugins/NodeAttestor/mine", {"plugin_cmd": "/p", "plugin_checksum": "ab" * 32, "plugin_data": {"a": [{"b": "${MINE}"}]}}),
    ("plugins/NodeAttestor/gcp_iit", {"enabled": False, "plugin_data": {"projectid_allow_list": ["${PROJECT}"]}}),
], ids=["not in capitals", "of an external plugin", "disabled"])
def test_what_is_no_variable_of_the_environment(change: tuple[str, Any]) -> None:
    assert said("server", NEWEST, change) == []


def test_of_a_text_with_a_variable_the_name_alone_is_told() -> None:
    found = said("server", NEWEST, ("plugins/DataStore/sql/plugin_data/connection_string", "planted-1${DB_PASS}planted-2${DB_PASS}${B}"))
    assert [message.split(" literally")[0].rpartition("SPIRE gets ")[2] for message in found] == ["${DB_PASS}", "${B}"]
    assert "planted" not in str(found)
